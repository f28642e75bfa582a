// What the crawl does to a page besides mouse and keys. Runs in the isolated world after extract.js.
"use strict";
(() => {
  const small = new OffscreenCanvas(24, 24).getContext("2d", { willReadFrequently: true });

  // What the page's canvases show, coarsely; charts draw themselves in after the load.
  const drawings = () =>
    [...document.querySelectorAll("canvas")].slice(0, 12).map((c) => digest(shrunk(c))).join();

  // FNV-1a over the pixels, one word each.
  const digest = (data) => data && new Uint32Array(data.buffer).reduce((hash, word) => Math.imul(hash ^ word, 16777619), 2166136261);

  function shrunk(canvas) {
    try {
      small.clearRect(0, 0, 24, 24);
      small.drawImage(canvas, 0, 0, 24, 24);
      return small.getImageData(0, 0, 24, 24).data;
    } catch { return null; } // of another origin, or without size
  }

  // Whether something was drawn on a canvas, as far as can be told.
  sieveline.inked = (canvas) => shrunk(canvas)?.some((v) => v > 0) ?? false;

  // A chart that draws itself in costs its drawing alone while nothing of it has to be put on the screen.
  const unseen = new CSSStyleSheet();
  unseen.replaceSync("canvas { visibility: hidden !important }");

  // What is drawn frame by frame rather than by the clock would not end in time at so few frames: after this many milliseconds all come again.
  const SELDOM_FOR = 1500, STILL = 300; // and without a change for so long, three frames, a drawing is done

  // Resolves when fonts are there, the document has been quiet for `quiet` ms and, given `drawing`, its canvases for `STILL` ms; at the latest
  // after `limit` ms, or `drawing` ms where there is a canvas.
  sieveline.settle = ({ quiet, limit, drawing }) =>
    new Promise((resolve) => {
      const start = performance.now();
      const charts = drawing > 0 && document.querySelector("canvas") !== null;
      const most = charts ? Math.max(limit, drawing) : limit;
      const first = charts ? drawings() : "";
      let drawn = first, drawnAt = start, begun = start;
      if (charts) document.adoptedStyleSheets.push(unseen);
      const seldom = (yes) => document.dispatchEvent(new Event(yes ? "sieveline-seldom" : "sieveline-often"));
      let waiting = false; // the page has asked for a frame that is held back: where nothing is drawn yet it may be about to begin
      const asks = () => (waiting = true), draws = () => (waiting = false);
      document.addEventListener("sieveline-asked", asks);
      document.addEventListener("sieveline-drawn", draws);
      if (charts) seldom(true);
      let last = start;
      const watch = new MutationObserver(() => (last = performance.now()));
      watch.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      const scrolls = () => (last = performance.now()); // smooth scrolling goes on after the click that asked for it
      document.addEventListener("scroll", scrolls, { capture: true, passive: true });
      let fonts = document.fonts.status === "loaded";
      if (!fonts) document.fonts.ready.then(() => (fonts = true));
      const look = () => {
        const now = performance.now();
        if (charts && now - start > SELDOM_FOR) {
          seldom(false);
          if (waiting) waiting = false, begun = drawnAt = now; // it has been held up and gets the time that a page gets at first
        }
        if (charts && now - drawnAt >= STILL) {
          const now_ = drawings();
          if (now_ === drawn && now - begun > 600 && (now_ !== first || !waiting)) drawnAt = -Infinity;
          else drawn = now_, drawnAt = now;
        }
        if ((fonts && now - last >= quiet && (!charts || drawnAt === -Infinity)) || now - start >= most) {
          watch.disconnect();
          if (charts) document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== unseen);
          if (charts) seldom(false);
          document.removeEventListener("scroll", scrolls, { capture: true });
          document.removeEventListener("sieveline-asked", asks);
          document.removeEventListener("sieveline-drawn", draws);
          requestAnimationFrame(() => setTimeout(() => resolve(now - start < most), 0));
        } else setTimeout(look, charts ? 100 : Math.min(quiet, 25));
      };
      setTimeout(look, 0);
    });

  const AREAS = "[id*=cookie i], [class*=cookie i], [id*=consent i], [class*=consent i], [id*=gdpr i], [class*=gdpr i], [aria-label*=cookie i], dialog, [role=dialog], [role=alertdialog]";
  const KNOWN = ["#onetrust-reject-all-handler", "#onetrust-accept-btn-handler", "#didomi-notice-disagree-button", "#didomi-notice-agree-button",
    "#CybotCookiebotDialogBodyButtonDecline", "#CybotCookiebotDialogBodyLevelButtonLevelOptinAllowAll", ".cc-deny", ".cc-dismiss", ".cc-allow", ".qc-cmp2-summary-buttons button"];
  const ABOUT = /cookie|consent|gdpr|privacy|datenschutz|隐私|个人信息|クッキー|同意/i;
  const SAYS = [
    /^(reject|decline|deny|refuse|only necessary|necessary only|essential only|ablehnen|nur notwendige|refuser|tout refuser|rechazar|rifiuta|weigeren|拒绝|拒否)/i,
    /^(accept|agree|allow|ok\b|okay|got it|i understand|understood|continue|akzeptieren|alle akzeptieren|zustimmen|accepter|tout accepter|j'accepte|aceptar|accetta|akkoord|同意|接受|我知道了|すべて許可)/i,
    /^(close|dismiss|schließen|fermer|cerrar|关闭|×|✕|x$)/i,
  ];
  const shows = (e) => {
    const r = e.getBoundingClientRect();
    return r.width > 3 && r.height > 3 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth
      && e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  };
  const middle = (e) => {
    const r = e.getBoundingClientRect();
    return [(r.left + r.right) / 2, (r.top + r.bottom) / 2];
  };

  // The point to click so that a cookie banner goes: refuse before accept before close; null where there is none.
  const consentPoint = () => {
    for (const known of KNOWN) for (const e of document.querySelectorAll(known)) if (shows(e)) return middle(e);
    const areas = [...document.querySelectorAll(AREAS)].filter((a) => shows(a) && ABOUT.test(a.textContent.slice(0, 4000)) && a.textContent.length < 6000);
    for (const says of SAYS)
      for (const a of areas)
        for (const b of a.querySelectorAll("button, a, [role=button], input[type=button], input[type=submit]")) {
          const label = (b.computedName || b.textContent || b.value || "").trim();
          if (label.length < 60 && says.test(label) && shows(b)) return middle(b);
        }
    return null;
  };

  // Scrolls the page, or what fills most of it, by `dy` CSS pixels; returns how far it went.
  sieveline.scroll = ({ dy }) => {
    let at = document.scrollingElement ?? document.documentElement;
    if (at.scrollHeight <= innerHeight + 1 || at.scrollTop + innerHeight >= at.scrollHeight - 1)
      for (let e = document.elementFromPoint(innerWidth / 2, innerHeight / 2); e; e = e.parentElement)
        if (e.scrollHeight > e.clientHeight + 40 && e.clientHeight * e.clientWidth > 0.4 * innerWidth * innerHeight && /auto|scroll/.test(getComputedStyle(e).overflowY)) { at = e; break; }
    const before = at.scrollTop;
    at.scrollTop = before + dy;
    return at.scrollTop - before;
  };

  sieveline.blur = () => document.activeElement?.blur();

  sieveline.options = (i) => {
    const e = sieveline.node(i);
    return e?.localName === "select" ? [...e.options].filter((o) => !o.disabled && !o.selected).map((o) => o.label.toWellFormed()) : [];
  };

  sieveline.choose = ({ node, label }) => {
    const e = sieveline.node(node);
    const option = [...(e?.options ?? [])].find((o) => o.label.toWellFormed() === label);
    if (!option) return false;
    option.selected = true;
    e.dispatchEvent(new Event("input", { bubbles: true }));
    e.dispatchEvent(new Event("change", { bubbles: true }));
    return true;
  };

  // The distinct texts of the whole document, seen or not, by which copies of a page are known whatever the screen.
  const textsOf = (limit) => {
    const found = new Set();
    const nodes = document.createTreeWalker(document.body ?? document.documentElement, NodeFilter.SHOW_TEXT);
    while (found.size < limit && nodes.nextNode()) {
      const said = nodes.currentNode.data.trim();
      if (said && !/^(script|style|noscript|template)$/i.test(nodes.currentNode.parentElement?.localName ?? "")) found.add(said.slice(0, 200).toWellFormed());
    }
    return [...found];
  };

  // Where the page's links lead, for the frontier: same-document anchors left out.
  const linksOf = (limit) => {
    const found = new Set();
    for (const a of document.querySelectorAll("a[href], area[href]")) {
      if (found.size >= limit) break;
      if (/\b(nofollow|sponsored|ugc)\b/.test(a.rel)) continue;
      try {
        const url = new URL(a.href, document.baseURI);
        if (/^https?:$/.test(url.protocol)) found.add((url.origin + url.pathname + url.search).toWellFormed());
      } catch { /* not an address */ }
    }
    return [...found];
  };
  const directives = () => [...document.querySelectorAll("meta[name=robots i], meta[name=sievelinebot i]")].map((m) => m.content.toLowerCase().slice(0, 500).toWellFormed());

  // What is asked of a page as it comes in, at once.
  sieveline.survey = ({ texts, links }) => ({ directives: directives(), consent: consentPoint(), texts: textsOf(texts), links: linksOf(links) });

  // Makes listed elements show nothing, for the pixel check; `show` undoes it.
  let hidden = [];
  sieveline.hide = (numbers) => {
    for (const n of numbers) {
      const e = sieveline.node(n);
      if (!e?.isConnected) continue;
      hidden.push([e, e.getAttribute("style")]);
      const contents = getComputedStyle(e).display === "contents";
      e.style.setProperty(contents ? "visibility" : "opacity", contents ? "hidden" : "0", "important");
    }
  };
  sieveline.show = () => {
    for (const [e, before] of hidden.reverse())
      if (before === null) e.removeAttribute("style");
      else e.setAttribute("style", before);
    hidden = [];
  };
})();
