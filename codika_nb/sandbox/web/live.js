function localTimes() {
  for (const time of document.querySelectorAll("time")) {
    const when = new Date(time.dateTime);
    const today = when.toDateString() === new Date().toDateString();
    time.textContent = today ? when.toLocaleTimeString() : when.toLocaleString();
    time.title = when.toLocaleString(undefined, { dateStyle: "full", timeStyle: "full" });
  }
}
localTimes();

// What is new is put in beside what is there: the focus, a selection and the place on the page stay.
const title = document.title;
const filter = document.getElementById("filter");
let unseen = 0;
function narrow() {
  const wanted = filter ? filter.value.trim().toLowerCase() : "";
  for (const each of document.querySelectorAll("[data-id]")) {
    each.hidden = !each.textContent.toLowerCase().includes(wanted);
  }
}
function take(list, next) {
  const known = new Map([...list.children].map((each) => [each.dataset.id, each]));
  let before = null;
  let added = null;
  for (const fresh of next.children) {
    let here = known.get(fresh.dataset.id);
    known.delete(fresh.dataset.id);
    if (!here) { here = fresh.cloneNode(true); added ??= here; }
    else if (here.dataset.state !== fresh.dataset.state) {
      const twin = fresh.cloneNode(true);
      here.replaceWith(twin);
      here = twin;
    }
    const place = before ? before.nextSibling : list.firstChild;
    if (here !== place) list.insertBefore(here, place);
    before = here;
  }
  for (const gone of known.values()) gone.remove();
  return added;
}
if (filter) filter.addEventListener("input", narrow);
addEventListener("focus", () => { unseen = 0; document.title = title; });
setInterval(async () => {
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const list of document.querySelectorAll("[data-live]")) {
      const added = take(list, page.querySelector(`[data-live="${list.dataset.live}"]`));
      if (added && added.dataset.says) {
        document.getElementById("said").textContent = added.dataset.says;
        if (!document.hasFocus()) document.title = `(${++unseen}) ${title}`;
      }
    }
    localTimes();
    narrow();
  } catch { /* The sandbox is down; the page stays as it is. */ }
}, 2000);
