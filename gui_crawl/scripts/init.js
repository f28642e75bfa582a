// Runs in every frame before the page's own scripts, in the page's own world: shadow roots open, motion over at once, nothing asked of the user.
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
  window.print = () => {};
  window.open = () => null;
})();
