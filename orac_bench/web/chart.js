// Charts: the library is fetched when the first one is drawn, wears the page's colours, and is given back with the view.

import { onColours } from "./appearance.js";
import { announce, save } from "./copy.js";
import { button, element } from "./dom.js";
import { life as newLife } from "./life.js";
import { whenBack } from "./loading.js";

let library = null;

/** Fetches the library while nothing else is done, so that the first chart need not wait for it. */
export function fetchLibrary() {
  fetched();
}

/**
 * A chart that `options(colours)` describes, drawn again when the colours or the width change. `label` is what is said
 * of it instead of the picture. `keys(event)` hears the keyboard while the chart has the focus. It lives until its place
 * leaves the page, or `life` ends.
 */
export function chart({ label, size = "middle", options, life: outer, onReady = null, keys = null }) {
  const life = newLife(outer);
  const place = element("div", { class: `chart ${size}`, role: "img", "aria-label": label });
  if (keys) {
    place.tabIndex = 0;
    place.setAttribute("role", "application");
    place.setAttribute("aria-roledescription", "chart");
    place.addEventListener("keydown", keys);
  }
  const made = { place, instance: null, redraw, image };
  begin();
  return made;

  async function begin() {
    const echarts = await fetched();
    if (life.signal.aborted) return;
    if (echarts === null) {
      place.textContent = "The chart cannot be drawn while the service does not answer.";
      whenBack(life, begin);
      return;
    }
    place.replaceChildren();
    await laidOut(place, life);
    if (life.signal.aborted) return;
    made.instance = echarts.init(place, null, { renderer: "canvas" });
    life.onEnd(() => {
      watching.disconnect();
      made.instance.dispose();
      made.instance = null;
    });
    const watching = new ResizeObserver(() => {
      if (!place.isConnected) life.end();
      else if (place.clientWidth) made.instance.resize();
    });
    watching.observe(place);
    onColours(redraw, life.signal);
    redraw();
    onReady?.(made.instance);
  }

  /** Draws what `options` says now. */
  function redraw() {
    made.instance?.setOption({ ...look(), ...options(colours()) }, { notMerge: true });
  }

  /** Saves the picture as a PNG, on the page's background. */
  function image(name) {
    save(name, made.instance.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: colours().surface }));
    announce(`Saved ${name}.`);
  }
}

/** The library; null where it cannot be had now. */
async function fetched() {
  try {
    library ??= import("./vendor/echarts.js");
    return await library;
  } catch {
    library = null;
    return null;
  }
}

/** A button that saves the chart as a picture. */
export function imageButton(made, name) {
  return button("PNG", () => made.instance && made.image(`${name}.png`), { title: "Save the picture" });
}

/** The page's colours by name, as they are now. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: of("ink"),
    quiet: of("quiet"),
    line: of("line"),
    strong: of("strong-line"),
    surface: of("surface"),
    sunk: of("sunk"),
    accent: of("accent"),
    bad: of("bad"),
    good: of("good"),
    unsure: of("unsure"),
    same: of("same"),
    series: [1, 2, 3, 4, 5].map((number) => of(`series-${number}`)),
    font: of("font"),
  };
}

/** `colour`, written #rrggbb, with this opacity. */
export function faint(colour, opacity) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${opacity})`;
}

/** A tooltip that is drawn, not written into the page: it needs no inline style, and runs no markup. */
export function tooltip(colour, more = {}) {
  return {
    renderMode: "richText",
    confine: true,
    transitionDuration: 0,
    backgroundColor: colour.surface,
    borderColor: colour.strong,
    borderWidth: 1,
    padding: [8, 11],
    textStyle: { color: colour.ink, fontSize: 12.5, fontFamily: colour.font, lineHeight: 18 },
    ...more,
  };
}

/** An axis in the page's style. */
export function axis(colour, more = {}) {
  return {
    axisLine: { lineStyle: { color: colour.strong } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: colour.line } },
    nameTextStyle: { color: colour.quiet, fontSize: 12 },
    ...more,
    axisLabel: { color: colour.quiet, fontSize: 12, hideOverlap: true, ...more.axisLabel },
  };
}

/** The two ways to zoom: the wheel or two fingers, and the slider below. */
export function zooms(colour, more = {}) {
  return [
    { type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, filterMode: "none", throttle: 30, ...more },
    {
      type: "slider",
      height: 22,
      bottom: 6,
      filterMode: "none",
      throttle: 30,
      showDetail: false,
      brushSelect: false,
      borderColor: colour.line,
      backgroundColor: "transparent",
      fillerColor: faint(colour.accent, 0.14),
      handleStyle: { color: colour.surface, borderColor: colour.strong },
      moveHandleStyle: { color: colour.strong },
      dataBackground: { lineStyle: { color: colour.strong, width: 1 }, areaStyle: { opacity: 0 } },
      selectedDataBackground: { lineStyle: { color: colour.accent, width: 1 }, areaStyle: { opacity: 0 } },
      ...more,
    },
  ];
}

function look() {
  const colour = colours();
  return {
    animation: false,
    color: colour.series,
    textStyle: { fontFamily: colour.font, color: colour.ink },
    aria: { enabled: true, label: { enabled: false }, decal: { show: false } },
  };
}

/** Waits until the place has a width: it may be put into the page only after it was made. */
function laidOut(place, life) {
  if (place.clientWidth) return Promise.resolve();
  return new Promise((resolve) => {
    const watching = new ResizeObserver(() => place.clientWidth && done());
    const done = () => {
      watching.disconnect();
      resolve();
    };
    watching.observe(place);
    life.onEnd(done);
  });
}
