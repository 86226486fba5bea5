// A phone's screen stays on during a call: locking it would take the camera away.

let lock: Promise<WakeLockSentinel | undefined> | undefined;

export function stayAwake(wanted: boolean): void {
  if (wanted && !lock && document.visibilityState === "visible") {
    // Refused on low battery, for instance; the call goes on without.
    lock = navigator.wakeLock?.request("screen").catch(() => undefined);
  } else if (!wanted && lock) {
    void lock.then((held) => held?.release());
    lock = undefined;
  }
}

/** The system takes the lock back from a page that is hidden. */
export function renewWhenVisible(wanted: () => boolean): void {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") {
      lock = undefined;
      stayAwake(wanted());
    }
  });
}
