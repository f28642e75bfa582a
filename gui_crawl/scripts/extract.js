// The visible, meaningful elements of one frame, as records of `gui_crawl.elements` (see there for what each field means).
// Runs after visibility.js. Boxes are CSS pixels of the frame; Python moves them to where the frame stands and to screenshot pixels.
"use strict";
(() => {
  const { CLEAR, UNSURE, COVERED, intersect, empty, area, bounds, rectangle, colour, shadowOf } = sieveline;
  const FIELD = /^(input|textarea|select)$/;
  const GAUGE = /^(progress|meter)$/;
  const MEDIA = /^(img|svg|canvas|video|audio|object|embed)$/;
  const WIDGET = /^(button|link|tab|menuitem|menuitemcheckbox|menuitemradio|option|checkbox|radio|switch|slider|spinbutton|combobox|textbox|searchbox|treeitem)$/;
  const CONTAINER = /^(dialog|alertdialog|alert|menu|menubar|tablist|toolbar|listbox|tree|grid|progressbar|meter|tooltip|status|tabpanel|radiogroup)$/;
  const ICON_CLASS = /^(?:fa|fas|far|fab|bi|mdi|ti|icon|icofont|glyphicon|lucide|ri|bx|las?|feather|ion|ph|icon-icon)-(?!fw$|lg$|sm$|xs$|\d+x$|spin|rotate|flip|stack|solid$|regular$|brands$|icon$)([a-z][a-z0-9-]*)$/;
  const SKIP = /^(script|style|noscript|template|head|meta|link|title|base|br|wbr|source|track|param|defs|clippath|mask|symbol|lineargradient|radialgradient|filter|metadata|desc|pattern)$/i;
  const SIDES = ["Top", "Right", "Bottom", "Left"];
  const CJK = "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}", WORD = new RegExp(`[${CJK}]|[^\\s${CJK}]+`, "gu");
  const MIN_SIDE = 4; // CSS pixels: below it nothing can be told apart, and "for screen readers only" is 1 pixel
  const MAX_TEXT = 500, MAX_UNSEEN = 60, MAX_RECTS = 20;
  const tidy = (s) => s.replace(/\s+/g, " ").trim().toWellFormed();
  const cut = (s) => (s.length > MAX_TEXT ? s.slice(0, MAX_TEXT).toWellFormed() : s);
  const hex = (c) => "#" + c.slice(0, 3).map((v) => Math.round(v).toString(16).padStart(2, "0")).join("");

  let chunks, texts, run, gap, candidates, frames, rejected, count, limits, nodes = [];

  // Walks the flat tree: shadow roots in place of their hosts' children, slotted nodes in their slots.
  function walk(element, parent, clips, carried) {
    if (++count > limits.nodes) return;
    const tag = element.localName;
    if (tag === "br") run++, chunks.push(" ");
    if (SKIP.test(tag)) return;
    const style = getComputedStyle(element);
    const display = style.display;
    if (display === "none") return;
    const info = { element, parent, style, order: count, start: chunks.length, own: [], flowing: [], clip: null, opacity: carried.opacity, suspect: carried.suspect, before: texts.length };
    infos.set(element, info);
    const root = shadowOf(element);
    let below = carried, { turned } = carried; // in space, so that its back may be seen
    let inner = clips;
    if (display !== "contents") {
      const position = style.position;
      info.clip = position === "fixed" ? clips.fixed : position === "absolute" ? clips.absolute : clips.flow;
      const opacity = carried.opacity * +style.opacity;
      info.opacity = opacity;
      turned ||= style.transform.startsWith("matrix3d") || style.rotate.includes(" ");
      info.suspect ||= opacity < 0.3 || style.filter !== "none" || style.mixBlendMode !== "normal" || style.clipPath !== "none"
        || style.maskImage !== "none" || (turned && style.backfaceVisibility === "hidden");
      if (style.clip !== "auto" && position !== "static") info.clip = intersect(info.clip, clipProperty(element, style.clip));
      if (root || element.firstChild || tag === "slot") inner = clipsBelow(element, style, info.clip, clips, position);
      below = { opacity, suspect: info.suspect, pointer: style.cursor === "pointer", turned };
    }
    const shown = style.visibility === "visible";
    const block = !/^inline|contents|ruby/.test(display);
    const flows = /^(inline|contents|ruby.*)$/.test(display); // the text before it runs on in it
    if (block) chunks.push(" ");
    if (!flows) run++;
    const children = root ? root.childNodes : tag === "slot" && element.assignedNodes().length ? element.assignedNodes() : element.childNodes;
    if (tag === "iframe" || tag === "frame") frames.push(info);
    else if (style.contentVisibility !== "hidden" && !FIELD.test(tag) && !/^(canvas|video|audio|object|img)$/.test(tag))
      for (const child of children) {
        if (child.nodeType === 1) walk(child, element, inner, below);
        else if (child.nodeType === 3 && shown && info.opacity >= 0.02) text(child, info, inner.flow);
      }
    if (tag === "select" && element.size > 1) for (const option of element.options) walk(option, element, inner, below);
    if (block) chunks.push(" ");
    if (!flows) run++;
    info.last = count;
    info.after = texts.length;
    info.end = chunks.length;
    info.meaning = meaning(element, info, carried);
    if (info.meaning) candidates.push(info);
    else if (info.away) rejected.off_screen = (rejected.off_screen ?? 0) + 1;
  }

  function clipProperty(element, css) {
    const r = element.getBoundingClientRect();
    const sides = /rect\((.*)\)/.exec(css)?.[1].split(/[ ,]+/).map((v) => (v === "auto" ? null : parseFloat(v)));
    if (!sides) return rectangle(r);
    const [t, ri, b, l] = sides;
    return [l === null ? -1e9 : r.left + l, t === null ? -1e9 : r.top + t, ri === null ? 1e9 : r.left + ri, b === null ? 1e9 : r.top + b];
  }

  // The clips that hold for what is inside: `flow` for most, `absolute` and `fixed` for what its containing block lets escape.
  function clipsBelow(element, style, own, clips, position) {
    let flow = own;
    const root = element === document.documentElement || element === document.body;
    const x = style.overflowX, y = style.overflowY;
    const paint = /paint|strict|content/.test(style.contain) || style.contentVisibility === "auto";
    if (!root && style.display !== "inline" && (x !== "visible" || y !== "visible" || paint)) {
      const r = element.getBoundingClientRect();
      const kx = element.offsetWidth ? r.width / element.offsetWidth : 1, ky = element.offsetHeight ? r.height / element.offsetHeight : 1;
      const left = r.left + element.clientLeft * kx, top = r.top + element.clientTop * ky;
      const padding = [left, top, left + element.clientWidth * kx, top + element.clientHeight * ky];
      if (x === "visible" && !paint) padding[0] = -1e9, padding[2] = 1e9;
      if (y === "visible" && !paint) padding[1] = -1e9, padding[3] = 1e9;
      if (element.clientWidth || element.clientHeight || paint) flow = intersect(own, padding);
      else flow = intersect(own, rectangle(r));
    }
    const holdsFixed = style.transform !== "none" || style.filter !== "none" || style.perspective !== "none" || paint || /layout/.test(style.contain)
      || style.scale !== "none" || style.rotate !== "none" || style.translate !== "none" || style.backdropFilter !== "none";
    return { flow, absolute: position !== "static" || holdsFixed ? flow : clips.absolute, fixed: holdsFixed ? flow : clips.fixed };
  }

  const range = document.createRange();

  // Notes where a text node is rendered and what of it can be read within `clip`.
  function text(node, info, clip) {
    if (!/\S/.test(node.data)) {
      if (node.data) chunks.push(" ");
      gap = true;
      return;
    }
    const spaced = gap || /^\s/.test(node.data);
    gap = /\s$/.test(node.data);
    range.selectNodeContents(node);
    const all = [...range.getClientRects()].map(rectangle).filter((r) => !empty(r));
    const rects = all.map((r) => intersect(r, clip)).filter((r) => !empty(r));
    if (!rects.length) {
      info.away ||= all.length > 0;
      return;
    }
    const whole = all.reduce((s, r) => s + area(r), 0), part = rects.reduce((s, r) => s + area(r), 0);
    const { words, cut } = part < 0.97 * whole ? readable(node, clip) : { words: node.data, cut: false };
    chunks.push(cased(words, info.style));
    if (!/\S/.test(words)) return;
    texts.push({ node, info, clip, run, spaced, rects, cut, box: bounds(rects), chunk: chunks.length - 1 });
    info.own.push(...rects);
    for (let at = info; at; at = infos.get(at.parent)) {
      at.flowing.push(...rects); // of the text that runs on in the same paragraph
      if (!/^(inline|contents)$/.test(at.style.display)) break;
    }
  }

  function cased(said, { textTransform: to }) {
    if (to === "uppercase") return said.toUpperCase();
    if (to === "lowercase") return said.toLowerCase();
    return to === "capitalize" ? said.replace(/(^|\s)(\p{L})/gu, (m, a, b) => a + b.toUpperCase()) : said;
  }

  // The words of a text node whose middle lies within `clip` and under nothing opaque; of scripts written without spaces, the characters.
  // `cut`: of some word a part is seen and a part is not. `over`, if anything may lie over it, tells how that covers a point.
  function readable(node, clip, over = null) {
    let words = "", end = 0, tried = 0, cut = false;
    for (const { index, 0: word } of node.data.matchAll(WORD)) {
      if (++tried > MAX_TEXT) break;
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const { kept, part } = inSight(rectangle(range.getBoundingClientRect()), clip, over);
      cut ||= part;
      if (!kept) continue;
      words += (words && index !== end ? " " : "") + word;
      end = index + word.length;
    }
    return { words, cut };
  }

  // Whether the middle of a word's rectangle is seen (`kept`), and whether a part of the word is seen and a part is not. A font is higher than
  // its letters, so the middle three fifths count; to the sides all but about the half of a letter.
  function inSight([l, t, r, b], clip, over) {
    const fifth = 0.2 * (b - t), x = (l + r) / 2, y = (t + b) / 2;
    const letters = [l, t + fifth, r, b - fifth], seen = intersect(letters, clip);
    if (empty(seen)) return { kept: false, part: false };
    const [left, top, right, bottom] = letters.map((v, i) => Math.abs(v - seen[i])); // what is clipped of each side
    const whole = Math.max(left, right) <= fifth && Math.max(top, bottom) <= 1;
    const sliver = seen[2] - seen[0] <= fifth || seen[3] - seen[1] <= 1;
    const states = over ? [[x, y], [l + fifth, y], [r - fifth, y], [x, letters[1]], [x, letters[3]]].map(([u, v]) => over(u, v)) : [CLEAR];
    const kept = x >= clip[0] && x <= clip[2] && y >= clip[1] && y <= clip[3] && states[0] !== COVERED;
    return { kept, part: (!whole && !sliver) || states.some((state) => state !== states[0]) };
  }

  // Why an element is worth listing: "act", "media", "icon", "text", "container"; null if it is not.
  function meaning(element, info, carried) {
    const tag = element.localName, { style } = info;
    if (tag === "html" || tag === "body") return null;
    const role = element.getAttribute("role");
    if ((tag === "a" || tag === "area") ? element.hasAttribute("href") || role || element.onclick !== null || style.cursor === "pointer"
      : tag === "button" || tag === "summary" || tag === "textarea" || tag === "select" || tag === "option" || (tag === "input" && element.type !== "hidden")) return "act";
    if (role && WIDGET.test(role)) return "act";
    if (element.isContentEditable && !element.parentElement?.isContentEditable) return "act";
    if (element.hasAttribute("onclick")) return "act";
    if (tag !== "label" && style.cursor === "pointer" && !carried.pointer && !element.ownerSVGElement) return info.own.length || info.end - info.start > 2 || MEDIA.test(tag) || drawn(element, style) || element.children.length ? "act" : null;
    if (MEDIA.test(tag)) return "media";
    if (info.own.length) return "text";
    if (iconOf(element) !== null && !element.childElementCount) return "icon";
    if ((role && CONTAINER.test(role)) || tag === "dialog" || GAUGE.test(tag)) return "container";
    return null;
  }

  const painted = (style) =>
    style.backgroundImage !== "none" || colour(style.backgroundColor)[3] > 0.05
    || SIDES.some((side) => parseFloat(style[`border${side}Width`]) > 0 && colour(style[`border${side}Color`])[3] > 0.05);
  // What may draw within a box or only around it: pixels decide.
  const edged = (style) => style.boxShadow !== "none" || style.outlineStyle !== "none" || style.borderImageSource !== "none";
  // Whether a pseudo-element draws something; the empty one that only clears floats does not.
  const pseudo = (element) => ["::before", "::after"].some((which) => {
    const s = getComputedStyle(element, which);
    return !/^(none|normal)$/.test(s.content) && (s.content !== '""' || painted(s));
  });
  const drawn = (element, style) => painted(style) || pseudo(element);

  // What the page calls the picture of an element itself: by icon font class, SVG title or sprite, file name.
  function iconOf(element) {
    const tag = element.localName;
    if (tag === "svg") {
      const title = [...element.children].find((c) => c.localName === "title")?.textContent;
      const use = element.querySelector("use");
      const sprite = (use?.getAttribute("href") ?? use?.getAttribute("xlink:href"))?.split("#")[1];
      const named = [...element.classList].map((c) => ICON_CLASS.exec(c)?.[1]).find(Boolean);
      return tidy(title || sprite?.replace(/^icon-/, "") || named || element.getAttribute("data-icon") || element.getAttribute("data-lucide") || "") || null;
    }
    if (tag === "img") {
      const name = /([^/?#]+?)(\.\w+)?([?#].*)?$/.exec(element.getAttribute("src")?.startsWith("data:") ? "" : element.currentSrc || element.src || "")?.[1];
      try { return name ? tidy(decodeURIComponent(name)) : null; } catch { return null; }
    }
    if (!element.classList.length || !/^(i|span|em|b|a|button|div)$/.test(tag)) return null;
    for (const name of element.classList) {
      const found = ICON_CLASS.exec(name);
      if (found && !/^(none|normal)$/.test(getComputedStyle(element, "::before").content + getComputedStyle(element, "::after").content)) return found[1];
    }
    return null;
  }

  // The rectangles that show an element, and whether they are of its text alone.
  function rects(info) {
    const { element, style } = info;
    const painted = style.display !== "contents" && (info.meaning !== "text" || colour(style.backgroundColor)[3] * info.opacity > 0.05
      || style.backgroundImage !== "none" || (parseFloat(style.borderTopWidth) > 0 && style.borderTopStyle !== "none" && parseFloat(style.borderLeftWidth) > 0));
    if (!painted) return { all: info.flowing.length ? info.flowing : below(info), tight: true };
    const all = [...element.getClientRects()].map(rectangle).filter((r) => !empty(r));
    if (all.length) {
      // An inline link around blocks or pictures has boxes of no height: what it holds shows it.
      const whole = bounds(all);
      if (whole[2] - whole[0] >= MIN_SIDE && whole[3] - whole[1] >= MIN_SIDE && style.display !== "inline") return { all, tight: false };
    }
    const held = below(info);
    const blocks = [...element.children].some((c) => sieveline.info(c) && !/^inline/.test(sieveline.info(c).style.display));
    return { all: style.display === "inline" && !blocks ? [...all, ...held] : held.length ? held : all, tight: false };
  }

  function below(info) {
    if (info.style.display !== "contents" && info.style.display !== "inline") return [];
    const found = [...info.own];
    for (const child of info.element.querySelectorAll("*")) {
      const c = sieveline.info(child);
      if (c && c.style.display !== "contents" && c.style.visibility === "visible") found.push(...[...child.getClientRects()].map(rectangle));
    }
    return found.slice(0, 50).filter((r) => !empty(r));
  }

  const infos = new Map();

  function extract(options) {
    limits = options;
    chunks = [], texts = [], run = 0, gap = false, candidates = [], frames = [], rejected = {}, count = 0, nodes = [];
    infos.clear();
    sieveline.reset(infos);
    const vv = visualViewport;
    const top = window === window.top;
    const view = top ? [vv.offsetLeft, vv.offsetTop, vv.offsetLeft + vv.width, vv.offsetTop + vv.height] : [0, 0, innerWidth, innerHeight];
    const seen = options.clip ? intersect(view, options.clip) : view;
    const open = { flow: seen, absolute: seen, fixed: seen };
    if (document.documentElement) walk(document.documentElement, null, open, { opacity: 1, suspect: false, pointer: false, turned: false });
    const undo = sieveline.forcePointerEvents(seen);
    const listed = [];
    const unseen = []; // rejected though they have a box on the screen: for the audit
    const subframes = [];
    let personal = [];
    try {
      candidates.sort((a, b) => a.order - b.order);
      for (const info of candidates) {
        const why = judge(info, seen);
        if (!why) listed.push(info);
        else {
          rejected[why] = (rejected[why] ?? 0) + 1;
          if (info.tried && unseen.length < MAX_UNSEEN) unseen.push(info);
        }
      }
      for (const info of listed) if (!FIELD.test(info.element.localName)) textOf(info); // while all is hit that can be seen
      for (const info of frames) {
        const window_ = info.element.contentWindow;
        const index = [...Array(frames.length + 50).keys()].find((i) => i < window.length && window[i] === window_);
        if (index === undefined || info.style.visibility !== "visible" || info.opacity < 0.02) continue;
        const place = framePlace(info, seen);
        if (place) subframes.push({ info, index, suspect: info.suspect, ...place });
      }
      if (options.personal) personal = sieveline.personal(texts, candidates.filter((info) => FIELD.test(info.element.localName)), seen);
    } finally {
      undo();
    }
    const kept = listed.filter((info) => !redundant(info));
    const numbers = new Map(kept.map((info, i) => [info.element, i]));
    const alone = unseen.filter((info) => !kept.some((k) => sieveline.isAncestor(info.element, k.element)));
    nodes = [...kept, ...alone].map((info) => info.element);
    for (const frame of subframes) {
      frame.before = kept.filter((info) => info.order < frame.info.order).length;
      frame.parent = listedParent(frame.info, numbers);
      delete frame.info;
    }
    const root = document.scrollingElement ?? document.documentElement;
    return {
      elements: kept.map((info) => record(info, numbers)), rejected, personal,
      unseen: alone.map((info, i) => ({ node: kept.length + i, box: info.tried, path: path(info.element) })),
      frames: subframes, title: cut(tidy(document.title ?? "")), nodes: count,
      full: count > limits.nodes, view: [vv.offsetLeft, vv.offsetTop, vv.width, vv.height, vv.scale], dpr: devicePixelRatio,
      scroll: { x: scrollX, y: scrollY, width: root?.scrollWidth ?? 0, height: root?.scrollHeight ?? 0, viewWidth: innerWidth, viewHeight: innerHeight },
      language: (document.documentElement?.lang ?? "").toWellFormed(),
    };
  }

  // Where the content of an iframe stands: offset and scale from its own pixels to ours, and what of it is not clipped.
  function framePlace(info, seen) {
    const { element } = info;
    const r = element.getBoundingClientRect();
    if (!element.offsetWidth || !element.offsetHeight || r.width < MIN_SIDE || r.height < MIN_SIDE) return null;
    const s = info.style;
    const kx = r.width / element.offsetWidth, ky = r.height / element.offsetHeight;
    const x = r.left + (element.clientLeft + parseFloat(s.paddingLeft)) * kx, y = r.top + (element.clientTop + parseFloat(s.paddingTop)) * ky;
    const right = r.right - (parseFloat(s.borderRightWidth) + parseFloat(s.paddingRight)) * kx;
    const bottom = r.bottom - (parseFloat(s.borderBottomWidth) + parseFloat(s.paddingBottom)) * ky;
    const clip = intersect(intersect([x, y, right, bottom], info.clip), seen);
    return empty(clip) ? null : { x, y, kx, ky, clip };
  }

  // Null for what can be seen, its box then in `info`; else why it cannot.
  function judge(info, seen) {
    const { element, style } = info;
    info.tried = null;
    if (style.visibility !== "visible") return "hidden";
    if (info.opacity < 0.02) return "transparent";
    if (style.display !== "contents" && !element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })) return "not_rendered";
    if (/^(canvas|video|audio|object|embed)$/.test(element.localName) && element.localName === "audio" && !element.controls) return "not_rendered";
    const { all, tight } = rects(info);
    if (!all.length) return "zero_size";
    const whole = bounds(all);
    if (whole[2] - whole[0] < MIN_SIDE || whole[3] - whole[1] < MIN_SIDE) return "zero_size";
    if (empty(intersect(whole, seen))) return "off_screen";
    const clip = tight ? seen : info.clip ?? seen; // text was clipped as it was found
    let parts = all.map((r) => intersect(r, clip)).filter((r) => !empty(r));
    if (!parts.length) return "clipped";
    const box = bounds(parts);
    if (box[2] - box[0] < MIN_SIDE || box[3] - box[1] < MIN_SIDE) return "clipped";
    info.tried = info.box = box;
    if (info.meaning !== "text" && !info.suspect && holding(info) === false) return gone(info, "clipped"); // its empty rim is in sight
    if (parts.length > 3) parts = parts.sort((a, b) => area(b) - area(a)).slice(0, 3);
    const found = sieveline.visible(element, parts, box, withinClear(info, box) || sieveline.apart(info, box));
    if (found.state === COVERED) return gone(info, found.covered ? "occluded" : "clipped");
    info.box = found.box;
    info.partial = area(found.box) < 0.95 * area(box);
    if (info.partial) info.said = undefined; // `holding` has read all of its words
    if (info.box[2] - info.box[0] < MIN_SIDE || info.box[3] - info.box[1] < MIN_SIDE) return gone(info, "occluded");
    if (info.partial && info.meaning !== "text" && !info.suspect && holding(info) === false) return gone(info, "occluded");
    info.point = found.point;
    info.clear = found.all === true && found.state === CLEAR;
    info.sure = found.state === CLEAR && certain(info);
    return null;
  }

  function gone(info, why) {
    info.box = null; // by which the listed are known
    return why;
  }

  // Whether a box lies in that of a button, link or the like which can be seen at all its points.
  function withinClear(info, box) {
    for (let at = infos.get(info.parent), n = 0; at && n < 6; at = infos.get(at.parent), n++)
      if (at.meaning === "act") return at.clear === true && at.box[0] <= box[0] && at.box[1] <= box[1] && at.box[2] >= box[2] && at.box[3] >= box[3];
    return false;
  }

  // Whether computed style alone says that it shows up; else pixels decide.
  function certain(info) {
    const { element } = info;
    if (info.suspect) return false;
    if (info.own.length) return legible(info);
    if (element.localName === "img") return element.complete && element.naturalWidth > 0;
    if (element.localName === "canvas") return sieveline.inked(element);
    return holding(info) === true;
  }

  // The same of the text that stands right in an element.
  function legible(info) {
    if (info.legible !== undefined) return info.legible;
    const { element, style } = info;
    const fore = colour(style.webkitTextFillColor || style.color);
    const under = (info.under = sieveline.under(element));
    if (info.suspect || !under || fore[3] * info.opacity < 0.3 || style.backgroundClip === "text") return (info.legible = false);
    return (info.legible = under.every((u) => Math.max(...[0, 1, 2].map((i) => Math.abs(fore[i] - u[i]))) >= 24));
  }

  // Whether what is seen of an element holds something that is drawn: true, false, or null where only pixels can say.
  function holding(info) {
    const { element, style } = info;
    const tag = element.localName;
    if (MEDIA.test(tag) || FIELD.test(tag) || GAUGE.test(tag) || drawn(element, style) || textOf(info) !== "") return true;
    let perhaps = edged(style);
    for (const child of element.querySelectorAll("*")) {
      const c = sieveline.info(child);
      if (!c || c.style.visibility !== "visible" || c.style.display === "contents") continue;
      const media = MEDIA.test(child.localName);
      if (perhaps && !media) continue;
      if (media || painted(c.style) || edged(c.style)) {
        const whole = rectangle(child.getBoundingClientRect());
        const part = intersect(whole, info.box);
        // A bar of a menu's icon is thinner than anything that is listed; of the rest as much must be in sight.
        if (!empty(part) && [0, 1].every((i) => part[i + 2] - part[i] >= Math.min(MIN_SIDE, whole[i + 2] - whole[i] - 0.5))) {
          if (media) return true;
          perhaps = true;
        }
      }
      perhaps ||= pseudo(child); // it may stand anywhere
    }
    return perhaps || shadowOf(element) ? null : false;
  }

  // Text that a listed button, link or paragraph around it shows already.
  function redundant(info) {
    if (info.meaning !== "text" && info.meaning !== "icon") return false;
    const said = textOf(info);
    const inline = /^inline/.test(info.style.display);
    for (let at = infos.get(info.parent); at; at = infos.get(at.parent)) {
      if (!at.box) continue;
      if (at.meaning === "act" && info.meaning === "text" && textOf(at) === said) return true;
      if (at.meaning === "text" && inline && at.element === info.parent && info.meaning === "text" && at.own.length) return true;
    }
    return false;
  }

  function listedParent(info, numbers) {
    for (let at = infos.get(info.parent); at; at = infos.get(at.parent)) if (numbers.has(at.element)) return numbers.get(at.element);
    return null;
  }

  function textOf(info) {
    if (info.said !== undefined) return info.said;
    if (info.element.localName === "option") return (info.said = tidy(info.element.label));
    let all = !info.partial;
    for (let i = info.before; all && i < info.after; i++) all = plain(texts[i], info.box);
    if (all) info.parts = null, info.cut = texts.slice(info.before, info.after).some((text) => text.cut);
    else Object.assign(info, within(info));
    return (info.said = tidy((info.parts?.map(([words]) => words) ?? chunks.slice(info.start, info.end)).join("")));
  }

  // Whether a text is seen with all of its words, by geometry and style. What stands in an element may lie outside of its box (the list
  // below an item, the menu that drops out of a button), under something, or be of its ground's colour.
  function plain(text, box) {
    return inside(text.box, box) && bare(text) && legible(text.info);
  }

  const bare = (text) => (text.bare ??= sieveline.apart(text.info, text.box, text.info.order)); // nothing can lie over it

  const inside = (r, box) => r[0] > box[0] - 2 && r[1] > box[1] - 2 && r[2] < box[2] + 2 && r[3] < box[3] + 2;

  // The texts of an element that lie in what is seen of it and under nothing: words, and rectangles where only pixels can tell.
  function within(info) {
    const parts = [];
    let from = info.start, gone = false, cut = false;
    for (const text of texts.slice(info.before, info.after)) {
      const { node, spaced, rects, box, clip, chunk, info: around } = text;
      const apart = gone || spaced || chunks.slice(from, chunk).join("") !== "";
      const over = bare(text) ? null : (x, y) => sieveline.over(around.element, x, y);
      const said = empty(intersect(box, info.box)) ? { words: "", cut: false } : readable(node, intersect(clip, info.box), over);
      const words = said.words;
      cut ||= said.cut;
      if (words) parts.push([(apart ? " " : "") + cased(words, around.style), legible(around) ? null : rects.slice(0, MAX_RECTS)]);
      gone = !words || !node.data.trimEnd().endsWith(words.slice(words.lastIndexOf(" ") + 1)); // its end is
      from = chunk + 1;
    }
    return { parts, cut };
  }

  function record(info, numbers) {
    const { element, style, box } = info;
    const tag = element.localName;
    const role = element.computedRole;
    const acts = info.meaning === "act";
    const field = FIELD.test(tag);
    const aria = (name) => ({ true: true, false: false })[element.getAttribute(name)] ?? null;
    const checkable = (tag === "input" && /^(checkbox|radio)$/.test(element.type)) || /checkbox|radio|switch/.test(role);
    const disabled = element.matches(":disabled") || aria("aria-disabled") === true;
    const back = style.display === "contents" ? [0, 0, 0, 0] : colour(style.backgroundColor);
    const short = Math.min(element.clientWidth || box[2] - box[0], element.clientHeight || box[3] - box[1]);
    const corner = style.borderTopLeftRadius;
    const editable = !disabled && !element.readOnly && ((tag === "input" && !/^(checkbox|radio|button|submit|reset|image|file|range|color|hidden)$/.test(element.type)) || tag === "textarea" || element.isContentEditable === true);
    return {
      parent: listedParent(info, numbers), tag, role: role && !/^(generic|none|presentation)$/.test(role) ? (role === "image" ? "img" : role) : null,
      name: cut(tidy(element.computedName ?? "")), text: field ? "" : cut(textOf(info)),
      cut: !field && info.cut === true, parts: !field && info.parts?.some(([, rects]) => rects) ? info.parts : null,
      placeholder: element.getAttribute("placeholder") && cut(tidy(element.getAttribute("placeholder"))),
      title: element.getAttribute("title") && cut(tidy(element.getAttribute("title"))), alt: element.getAttribute("alt") && cut(tidy(element.getAttribute("alt"))),
      value: valueOf(element), checked: checkable ? (tag === "input" ? element.checked : aria("aria-checked")) : null,
      disabled: acts ? disabled : null,
      selected: tag === "option" ? element.selected : /^(tab|option)$/.test(role) ? aria("aria-selected") : null,
      expanded: tag === "summary" ? element.parentElement?.open ?? null : aria("aria-expanded"),
      interactive: acts && !disabled && reached(element, sieveline.topmost(...info.point)),
      editable, box, point: info.point, color: paintOf(element, style), background: back[3] > 0.05 ? hex(back) : null,
      font_size: parseFloat(style.fontSize), radius: short > 0 ? Math.min(1, corner.includes("%") ? parseFloat(corner) / 50 : (2 * parseFloat(corner)) / short) || 0 : 0,
      icon: iconOf(element) ?? (acts || info.meaning === "text" ? iconBelow(element) : null), path: path(element), sure: info.sure, meaning: info.meaning,
      kind: kindOf(element), under: info.under ?? null,
    };
  }

  // Whether a click on `at` is one on `element`.
  const reached = (element, at) => at === element || sieveline.isAncestor(element, at) || (at?.localName === "label" && at.control === element);

  function valueOf(element) {
    const tag = element.localName;
    if (tag === "select") return element.multiple ? null : cut(tidy(element.selectedOptions[0]?.textContent ?? ""));
    if (tag === "textarea") return cut(tidy(element.value));
    if (tag === "input" && !/^(password|checkbox|radio|file|image|hidden)$/.test(element.type)) return cut(tidy(element.value));
    return null;
  }

  // What an action needs to know beyond the record.
  function kindOf(element) {
    const tag = element.localName;
    if (tag === "input") return element.type;
    if (tag === "a") {
      const href = element.getAttribute("href");
      return href === null || /^(#|javascript:)/.test(href.trim()) ? "a-here" : "a";
    }
    return element.getAttribute("aria-haspopup") ? "popup" : tag;
  }

  // The colour an element is drawn in: its text colour, of a drawing its fill or stroke.
  function paintOf(element, style) {
    if (element.localName === "svg")
      for (const shape of element.querySelectorAll("path, circle, rect, ellipse, polygon, polyline, line, use")) {
        const s = getComputedStyle(shape);
        for (const css of [s.fill, s.stroke]) if (!/^(none|url|context)/.test(css) && colour(css)[3] > 0.05) return hex(colour(css));
      }
    return hex(colour(style.webkitTextFillColor && colour(style.webkitTextFillColor)[3] > 0 ? style.webkitTextFillColor : style.color));
  }

  function iconBelow(element) {
    let n = 0;
    for (const child of element.querySelectorAll("i, svg, img, span, em")) {
      if (++n > 8) break;
      const found = sieveline.info(child)?.box || child.localName !== "img" ? iconOf(child) : null;
      if (found) return found;
    }
    return null;
  }

  // A CSS path that finds this element alone from its frame's root; `>>>` enters a shadow root.
  function path(element) {
    const root = element.getRootNode();
    const steps = [];
    for (let at = element; at?.nodeType === 1; at = at.parentElement) {
      if (at.id && !/^\d|\s/.test(at.id) && root.querySelectorAll("#" + CSS.escape(at.id)).length === 1) {
        steps.unshift("#" + CSS.escape(at.id));
        break;
      }
      let n = 1;
      for (let s = at.previousElementSibling; s; s = s.previousElementSibling) if (s.localName === at.localName) n++;
      steps.unshift(`${CSS.escape(at.localName)}:nth-of-type(${n})`);
    }
    const here = steps.join(" > ");
    return (root.host ? `${path(root.host)} >>> ${here}` : here).toWellFormed();
  }

  sieveline.extract = extract;
  sieveline.node = (i) => nodes[i];
  // How well points of a frame's own pixels can be seen in the frame around it: the iframe is hit there, or something above it.
  sieveline.frameHits = (index, points) => {
    const frame = frames.find((f) => f.element.contentWindow === window[index]);
    return points.map(([x, y]) => (frame ? sieveline.look(frame.element, x, y).state : COVERED));
  };
})();
