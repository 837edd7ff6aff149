// Copies, and says so to those who do not see the button.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const label = button.dataset.label ??= button.textContent;
  try { await navigator.clipboard.writeText(button.dataset.copy); button.textContent = "Copied"; }
  catch { button.textContent = button.dataset.copy; }
  document.getElementById("said").textContent = button.textContent;
  setTimeout(() => { button.textContent = label; }, 1500);
});
