// Runs in every frame before the page's own scripts, in the page's own world: shadow roots open, motion over at once, fewer frames while charts
// draw themselves in, nothing asked of the user.
"use strict";
(() => {
  const still = new CSSStyleSheet();
  still.replaceSync(`*, *::before, *::after { animation-delay: -1ms !important; animation-duration: 1ms !important;
    animation-iteration-count: 1 !important; transition: none !important;
    scroll-behavior: auto !important; caret-color: transparent !important; }`);
  document.adoptedStyleSheets.push(still);
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (options) {
    const root = attach.call(this, { ...options, mode: "open" });
    root.adoptedStyleSheets.push(still);
    return root;
  };

  // While `settle` waits for charts it has frames come seldom (by an event, since it runs in another world): an animation goes by the clock and
  // ends when it would, but is drawn as it begins, which takes a chart several frames, and then ten times a second.
  const BEGIN = 150, SELDOM = 100; // milliseconds: all frames until BEGIN, then so long between frames
  const frame = requestAnimationFrame.bind(window), cancel = cancelAnimationFrame.bind(window);
  const waiting = new Map();
  let seldom = false, since = 0, timer = 0, count = 1 << 30; // above any number that Chromium gives a request of its own
  document.addEventListener("sieveline-seldom", () => (seldom = true, since = performance.now()));
  document.addEventListener("sieveline-often", () => {
    seldom = false;
    if (timer) clearTimeout(timer), frame(draw);
  });
  const draw = (time) => {
    timer = 0;
    document.dispatchEvent(new Event("sieveline-drawn"));
    const asked = [...waiting.values()];
    waiting.clear();
    for (const callback of asked) {
      try { callback(time); } catch (error) { reportError(error); } // as the browser does: the others still get their frame
    }
  };
  window.requestAnimationFrame = (callback) => {
    const now = performance.now() - since;
    if (!seldom || now < BEGIN || typeof callback !== "function") return frame(callback);
    waiting.set(++count, callback);
    if (!timer) {
      timer = setTimeout(frame, SELDOM, draw);
      document.dispatchEvent(new Event("sieveline-asked"));
    }
    return count;
  };
  window.cancelAnimationFrame = (request) => void (waiting.delete(request) || cancel(request));
  window.print = () => {};
  window.open = () => null;
})();
