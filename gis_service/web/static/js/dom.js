/** Building elements. Data only ever becomes text or an attribute value, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node|string|number|null|undefined|false} Child
 * @typedef {{class?: string, text?: string, on?: Record<string, (event: any) => void>,
 *   data?: Record<string, string>, css?: Record<string, string>, [attribute: string]: any}} Props
 */

/**
 * An element. `on` are listeners, `data` the dataset, `css` custom properties or styles (set through
 * the object model: the content security policy allows no style attribute).
 * @param {string} tag
 * @param {Props} [props]
 * @param {...(Child|Child[])} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  /** @type {any} */
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "css") {
      for (const [key, item] of Object.entries(value)) element.style.setProperty(key, item);
    } else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** @param {Element} parent @param {any[]} children */
function append(parent, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Puts `children` in the place of what `parent` holds. What had the focus hands it on to what bears
 * the same `data-focus`.
 * @param {Element} parent
 * @param {...(Child|Child[])} children
 */
export function fill(parent, ...children) {
  const { activeElement: active } = document;
  const focused = parent.contains(active) && /** @type {HTMLElement} */ (active).dataset?.focus;
  parent.replaceChildren();
  append(parent, children);
  if (focused) /** @type {HTMLElement|null} */ (parent.querySelector(`[data-focus="${CSS.escape(focused)}"]`))?.focus({ preventScroll: true });
}

/** @param {string} name of a symbol in the page's icons.svg @returns {SVGElement} */
export function icon(name) {
  const element = svg("svg", { class: "icon", "aria-hidden": "true" });
  element.append(svg("use", { href: `#icon-${name}` }));
  return element;
}

/** @param {string} tag @param {Record<string, string|number>} attributes @returns {SVGElement} */
export function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/**
 * `work` once calls have paused for `wait` ms.
 * @template {any[]} A
 * @param {(...args: A) => void} work @param {number} wait
 */
export function debounce(work, wait) {
  let timer = 0;
  return (/** @type {A} */ ...args) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => work(...args), wait);
  };
}
