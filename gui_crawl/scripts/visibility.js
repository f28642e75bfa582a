// What of a document can be seen, by geometry and hit test. Runs in an isolated world of one frame: the page cannot touch what it uses.
// Coordinates are CSS pixels of the frame's own viewport; rectangles are [left, top, right, bottom].
"use strict";
globalThis.sieveline = (() => {
  const CLEAR = 2, UNSURE = 1, COVERED = 0;
  const closedRoots = new WeakMap(); // hosts of closed shadow roots written in HTML; those made by script are opened as they are made
  let infos = new Map(); // element -> what `walk` found out about it
  let inertOutside = null; // the open modal dialog, if any: everything else is inert, so that no hit test finds it
  let boxes = null; // [info, what can be seen of its box] of all that would cover what is below it, once asked for
  const paints = new Map();
  const colours = new Map();
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  const shadowOf = (element) => element.shadowRoot ?? closedRoots.get(element) ?? null;
  const intersect = (a, b) => [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
  const empty = (r) => r[2] - r[0] <= 0 || r[3] - r[1] <= 0;
  const area = (r) => (empty(r) ? 0 : (r[2] - r[0]) * (r[3] - r[1]));
  const holds = (r, x, y) => x >= r[0] && x < r[2] && y >= r[1] && y < r[3];
  const rectangle = (r) => [r.left, r.top, r.right, r.bottom];
  const bounds = (rects) => rects.reduce((a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])]);

  // [red, green, blue, alpha], 0-255 and 0-1, of any CSS colour.
  function colour(css) {
    let found = colours.get(css);
    if (!found) {
      const plain = /^rgba?\((\d+), (\d+), (\d+)(?:, ([\d.]+))?\)$/.exec(css);
      if (plain) found = [+plain[1], +plain[2], +plain[3], plain[4] === undefined ? 1 : +plain[4]];
      else {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = "#000";
        canvas.fillStyle = css;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        found = [r, g, b, a / 255];
      }
      colours.set(css, found);
    }
    return found;
  }

  // Whether `above` holds `element`, over shadow roots and slots.
  function isAncestor(above, element) {
    const outer = infos.get(above), inner = infos.get(element);
    return outer !== undefined && inner !== undefined && outer.order < inner.order && inner.order <= outer.last;
  }

  // Whether nothing that covers reaches into `box` but what holds the element and what it holds: then no part of it alone is covered.
  // Of a text in the element, `last` is the element itself: what it holds besides may lie over the text.
  function apart(info, box, last = info.last) {
    boxes ??= [...infos.values()].filter((i) => i.clip && i.style.visibility === "visible" && ground(i.element) !== CLEAR)
      .map((i) => [i, intersect(rectangle(i.element.getBoundingClientRect()), i.clip)]).filter(([, r]) => !empty(r));
    return !boxes.some(([other, r]) => r[0] < box[2] && box[0] < r[2] && r[1] < box[3] && box[1] < r[3]
      && (other.order < info.order ? other.last < info.order : other.order > last));
  }

  const drawsPseudo = (element) =>
    ["::before", "::after", "::backdrop"].some((which) => {
      const s = getComputedStyle(element, which);
      if (which === "::backdrop" ? !element.matches("dialog:modal, [popover]:popover-open, :fullscreen") : s.content === "none" || s.content === "normal") return false;
      return colour(s.backgroundColor)[3] > 0.5 || s.backgroundImage !== "none" || s.backdropFilter !== "none";
    });

  // How the box of an element covers what is below it: COVERED opaque, UNSURE cannot be said without pixels, CLEAR lets it through.
  function ground(element) {
    const info = infos.get(element);
    const s = info?.style ?? getComputedStyle(element);
    const opacity = info?.opacity ?? 1;
    const tag = element.localName;
    if (opacity < 0.02) return CLEAR;
    const alpha = colour(s.backgroundColor)[3] * opacity;
    if (alpha > 0.99 && !info?.suspect) return COVERED;
    if (s.backgroundImage !== "none" && opaque(s) && opacity > 0.99 && !info?.suspect) return COVERED;
    if (alpha > 0.6 || s.backgroundImage !== "none" || s.backdropFilter !== "none") return UNSURE;
    if (/^(img|video|canvas|iframe|object|embed)$/.test(tag)) return UNSURE;
    if (tag !== "svg" && element.ownerSVGElement) return UNSURE;
    return tag === "input" && /^(checkbox|radio|range|color)$/.test(element.type) ? UNSURE : CLEAR;
  }

  // The same of what lies above a point, pseudo-elements included, which may stand outside of its box.
  function cover(element, x, y) {
    let known = paints.get(element);
    if (!known) {
      const seen = (infos.get(element)?.opacity ?? 1) >= 0.02;
      known = { box: ground(element), rect: rectangle(element.getBoundingClientRect()), pseudo: seen && drawsPseudo(element) };
      paints.set(element, known);
    }
    const covers = holds(known.rect, x, y) ? known.box : CLEAR;
    return known.pseudo ? Math.min(covers, UNSURE) : covers;
  }

  // The elements at a point from the top, shadow hosts followed by what is inside them.
  function stack(root, x, y, into = [], seen = new Set()) {
    for (const element of root.elementsFromPoint(x, y)) {
      if (seen.has(element) || (root.host && element.getRootNode() !== root)) continue;
      seen.add(element);
      const inner = shadowOf(element);
      if (inner && inner !== root) stack(inner, x, y, into, seen);
      into.push(element);
    }
    return into;
  }

  function topmost(x, y) {
    let at = document.elementFromPoint(x, y);
    for (let root; at && (root = shadowOf(at)); ) {
      const inner = root.elementFromPoint(x, y);
      if (!inner || inner === at || inner.getRootNode() !== root) break;
      at = inner;
    }
    return at;
  }

  // The colours between which a gradient runs; null where one is translucent or cannot be read.
  function stops(gradient) {
    const found = gradient.match(/(rgba?|color|oklch|oklab|hsla?|lab|lch)\([^()]*\)/g)?.map(colour);
    return found?.every((c) => c[3] > 0.99) ? found : null;
  }

  // Whether gradients without a clear stop fill the whole box.
  const opaque = (s) => !/url\(|image/.test(s.backgroundImage) && s.backgroundSize === "auto" && /^(border|padding)-box$/.test(s.backgroundClip) && stops(s.backgroundImage) !== null;

  // What can be seen of `element` at a point: {state, covered}; `covered` says that something opaque lies above it.
  function look(element, x, y) {
    const first = topmost(x, y); // one element is found in a fraction of the time that the whole stack takes
    if (first === element || isAncestor(element, first)) return { state: CLEAR };
    const all = stack(element.ownerDocument, x, y);
    const boxless = infos.get(element)?.style.display === "contents"; // its text is hit as its parent's
    let state = CLEAR, index = 0, here = false;
    for (; index < all.length; index++) {
      const at = all[index];
      if (at === element || isAncestor(element, at) || (boxless && isAncestor(at, element))) { here = true; break; }
      if (isAncestor(at, element)) {
        // Its own ancestor comes first: a pseudo-element or a negative z-index, or it is not at this point at all.
        const below = all.slice(index + 1).some((e) => e === element || isAncestor(element, e));
        if (!below) break;
        state = Math.min(state, UNSURE);
        continue;
      }
      const covers = cover(at, x, y);
      if (covers === COVERED) return { state: COVERED, covered: true };
      state = Math.min(state, covers);
    }
    if (!here) {
      const inert = element.closest("[inert]") || (inertOutside && !(inertOutside === element || isAncestor(inertOutside, element)));
      return { state: inert ? UNSURE : COVERED, covered: false };
    }
    return { state };
  }

  // How what lies over the text of `element` at a point covers it, be it what the element itself holds.
  function over(element, x, y) {
    let state = CLEAR;
    if (topmost(x, y) === element) return state;
    for (const at of stack(element.ownerDocument, x, y)) {
      if (at === element || isAncestor(at, element)) break;
      state = Math.min(state, cover(at, x, y));
    }
    return state;
  }

  // The colours that lie behind an element as far as its ancestors paint them: one, or those of a gradient; null where a picture does.
  // Whether these are what is seen there, the pixels say.
  function under(element) {
    const layers = []; // translucent colours above it, top first
    let found = [[255, 255, 255, 1]];
    for (let at = element; at; at = infos.get(at)?.parent) {
      const s = infos.get(at).style;
      const back = s.display === "contents" ? [0, 0, 0, 0] : colour(s.backgroundColor);
      if (s.backgroundImage !== "none" && s.display !== "contents") {
        found = /url\(|image/.test(s.backgroundImage) ? null : stops(s.backgroundImage);
        break;
      }
      if (back[3] > 0.99) { found = [back]; break; }
      if (back[3] > 0) layers.push(back);
    }
    return found && found.map((u) => layers.reduceRight((base, top) => base.map((v, i) => (i < 3 ? v * (1 - top[3]) + top[i] * top[3] : 1)), u).slice(0, 3));
  }

  // Shares of a rectangle at which the five points lie.
  const FIVE = [[0.5, 0.5], [0.12, 0.15], [0.88, 0.15], [0.12, 0.85], [0.88, 0.85]];
  const GRID = 7, COARSE = 4, HALVINGS = 7;
  const SMALL = 800; // CSS pixels: below this area three of the points do

  // What can be seen of `element`, whose clipped bounds are `box`, judged at points of `rects`: {state, box, point, all, covered}.
  // `even`: where its middle can be seen so can the rest, since nothing may lie over a part of it.
  function visible(element, rects, box, even) {
    let best = null, seen = 0, tried = 0, covered = false;
    for (const r of rects) {
      const points = area(r) < SMALL ? [FIVE[0], FIVE[1], FIVE[4]] : FIVE;
      for (const point of points) {
        const [u, v] = point;
        const x = r[0] + u * (r[2] - r[0]), y = r[1] + v * (r[3] - r[1]);
        const found = look(element, x, y);
        tried++;
        covered ||= found.covered === true;
        if (found.state === COVERED) continue;
        seen++;
        if (best === null || found.state > best.state) best = { state: found.state, point: [x, y] };
        if (even && found.state === CLEAR && point === FIVE[0]) break;
      }
    }
    if (seen === tried) return { ...best, box, all: true };
    const trimmed = trim(element, box, seen ? GRID : COARSE);
    if (!trimmed) return best ? { ...best, box } : { state: COVERED, covered };
    return { state: Math.max(trimmed.state, best?.state ?? 0), point: best?.point ?? trimmed.point, box: trimmed.box };
  }

  // The bounds of what can be seen of `box`: a grid of points, then each edge by halving.
  function trim(element, box, grid) {
    const width = box[2] - box[0], height = box[3] - box[1];
    const at = (i, start, length) => start + ((i + 0.5) / grid) * length;
    const hits = [];
    let state = COVERED;
    for (let j = 0; j < grid; j++)
      for (let i = 0; i < grid; i++) {
        const x = at(i, box[0], width), y = at(j, box[1], height);
        const found = look(element, x, y).state;
        state = Math.max(state, found);
        if (found > COVERED) hits.push([x, y]);
      }
    if (!hits.length) return null;
    if (grid < GRID) return trim(element, box, GRID) ?? { box, point: hits[0], state };
    const edge = (axis, sign) => {
      const extreme = sign < 0 ? Math.min(...hits.map((h) => h[axis])) : Math.max(...hits.map((h) => h[axis]));
      const limit = box[axis + (sign < 0 ? 0 : 2)];
      let reach = extreme;
      for (const hit of hits.filter((h) => h[axis] === extreme)) {
        let inside = extreme, outside = limit + sign * 0.01;
        const probe = [...hit];
        probe[axis] = limit - sign * 0.3;
        if (look(element, ...probe).state > COVERED) return limit;
        for (let n = 0; n < HALVINGS; n++) {
          probe[axis] = (inside + outside) / 2;
          if (look(element, ...probe).state > COVERED) inside = probe[axis];
          else outside = probe[axis];
        }
        if (sign * (inside - reach) > 0) reach = inside;
      }
      return reach;
    };
    const middle = hits[hits.length >> 1];
    return { box: [edge(0, -1), edge(1, -1), edge(0, 1), edge(1, 1)], point: middle, state };
  }

  // Forces hit tests to see what takes no pointer events; returns what undoes it.
  function forcePointerEvents(view) {
    const changed = [];
    for (const [element, info] of infos) {
      if (info.style.pointerEvents !== "none") continue;
      if (empty(intersect(rectangle(element.getBoundingClientRect()), view))) continue;
      changed.push([element, element.getAttribute("style")]);
    }
    for (const [element] of changed) element.style.setProperty("pointer-events", "auto", "important");
    return () => {
      for (const [element, before] of changed)
        if (before === null) element.removeAttribute("style");
        else element.setAttribute("style", before);
      return changed.length;
    };
  }

  function reset(newInfos) {
    infos = newInfos;
    boxes = null;
    paints.clear();
    inertOutside = [...document.querySelectorAll(":modal")].pop() ?? null;
  }

  return {
    CLEAR, UNSURE, COVERED, closedRoots, shadowOf, intersect, empty, area, bounds, rectangle, colour, isAncestor, apart, over, look, topmost, under, visible,
    forcePointerEvents, reset,
    info: (element) => infos.get(element),
    openClosedRoot(root) { closedRoots.set(root.host, root); },
  };
})();
