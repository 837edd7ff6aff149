"""Many processes at one config file, and processes that die in the middle: nothing lost, nothing cut."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from codika_nb.profiles import ProfileStore

ROOT = Path(__file__).parents[1]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and Unix signals")


@pytest.fixture
def store(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "codika" / "config.json")


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What a process has printed at its end, which must be a good one."""
    with process:
        try:
            told, _ = process.communicate(timeout=240)
        finally:
            process.kill()
    assert process.returncode == 0
    return told


def test_sixteen_processes_lose_nothing(store: ProfileStore) -> None:
    code = """
        import sys
        from codika_nb.errors import ConfigError
        from codika_nb.profiles import Profile, ProfileStore
        path, number = sys.argv[1:]
        store = ProfileStore(path)
        print("ready", flush=True)
        input()

        def save(profile, **options):
            # How long one waits for another is no matter here: whoever has waited for too long asks again.
            while True:
                try:
                    return store.save(profile, **options)
                except ConfigError as late:
                    if late.code != "config-locked":
                        raise

        for turn in range(25):
            # One profile renewed each time, one new: both kinds of change meet.
            key = f"cko_{number}_{turn}"
            save(Profile(key, organization_id=f"org_{number}", organization_name="Acme, Inc."))
            save(Profile(key, name=key), name=key, activate=False)
    """
    processes = [start(code, store.path, number) for number in range(16)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        finish(process)
    saved = {p.name: p for p in store.list()}
    wanted = {f"cko_{number}_{turn}" for number in range(16) for turn in range(25)}
    assert wanted <= set(saved)
    renewed = {p.organization_id: p.api_key for name, p in saved.items() if name not in wanted}
    assert renewed == {f"org_{number}": f"cko_{number}_24" for number in range(16)}
    assert len({name for name in saved if name not in wanted}) == 16  # acme-inc, acme-inc-2, …
    assert sorted(path.name for path in store.path.parent.glob("*")) in (
        ["config.json", "config.json.lock"],
        ["config.json"],
    )


@needs_fork
def test_a_kill_at_any_moment_leaves_the_file_whole(store: ProfileStore) -> None:
    # One process that has imported everything forks those that die: a round takes milliseconds.
    code = """
        import os, random, signal, sys, time
        import filelock
        from codika_nb.profiles import Profile, ProfileStore

        def save_until_killed(number, done):
            store = ProfileStore(sys.argv[1])
            turn = 0
            while True:
                key = f"cko_{number}_{turn}"
                store.save(Profile(key, organization_id=key, extra={"long": "x" * 20_000}), name=key)
                os.write(done, b".")
                turn += 1

        store = ProfileStore(sys.argv[1])
        acknowledged, leftovers, number = set(), 0, -1
        # At least one has to die in the middle of a write: when it does depends on what else is running.
        while number < 199 or not leftovers:
            number += 1
            outcome, done = os.pipe()
            child = os.fork()
            if child == 0:
                save_until_killed(number, done)
            os.close(done)
            time.sleep(random.uniform(0.001, 0.02))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            with open(outcome, "rb") as told:
                turns = len(told.read())
            acknowledged |= {f"cko_{number}_{turn}" for turn in range(turns)}
            leftovers += any(store.path.parent.glob(".*.tmp"))
            names = {profile.name for profile in store.list()}  # raises if the file is not whole
            assert acknowledged <= names, acknowledged - names
            assert len(names - acknowledged) <= number + 1
            for name in names if number % 20 == 19 else ():
                store.remove(name)
                acknowledged.discard(name)
        store.save(Profile("cko_last"))
        assert not list(store.path.parent.glob(".*.tmp"))
        assert not list(store.path.parent.glob("*corrupt*"))
        print(leftovers)
    """
    assert int(finish(start(code, store.path))) > 0
    assert [p.api_key for p in store.list()][-1] == "cko_last"


@needs_fork
def test_ctrl_c_at_any_moment_leaves_nothing_behind(store: ProfileStore) -> None:
    code = """
        import random, signal, sys
        import filelock
        from codika_nb.profiles import Profile, ProfileStore

        store = ProfileStore(sys.argv[1])
        store.save(Profile("cko_first"))
        signal.signal(signal.SIGALRM, signal.default_int_handler)  # what the Interrupt button does
        sys.unraisablehook = lambda lost: None  # some come in a destructor, where Python drops them
        interrupted = 0
        for number in range(400):
            profile = Profile(f"cko_{number}", extra={"long": "x" * 20_000})
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00005, 0.003))
                for _ in range(200):
                    store.save(profile, name="again", overwrite=True)
            except KeyboardInterrupt:
                interrupted += 1
            left = list(store.path.parent.glob(".*.tmp"))
            assert not left, (number, left)
            assert store.list()[0].api_key == "cko_first"
        store.check_writable()  # and the lock is free
        print(interrupted)
    """
    assert int(finish(start(code, store.path))) > 350
