// When views read anew: soon after something happened, and now and then.

/** `run`, at most once in `ms`, and not before `ms` after the first call: a burst of events is one reading. */
export function debounced(run, ms, signal) {
  let timer = null;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      run();
    }, ms);
  };
}

/** `run` every `ms` while the page can be seen, and as soon as it can be seen again. */
export function nowAndThen(run, ms, signal) {
  const timer = setInterval(() => document.hidden || run(), ms);
  signal.addEventListener("abort", () => clearInterval(timer));
  document.addEventListener("visibilitychange", () => document.hidden || run(), { signal });
}

/** `run` with all that was handed in since, once a frame. */
export function batched(run, signal) {
  let waiting = [];
  return (one) => {
    waiting.push(one);
    if (waiting.length > 1) return;
    requestAnimationFrame(() => {
      const all = waiting;
      waiting = [];
      if (!signal.aborted) run(all);
    });
  };
}
