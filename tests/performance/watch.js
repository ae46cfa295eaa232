// What the tests of the dashboard's numbers ask of a page: when something is on the screen, how long its frames are.

(() => {
  /** Resolves a frame after `selector` has found something: in ms after the navigation, or after `from`. */
  window.seen = (selector, from = 0) =>
    new Promise((resolve) => {
      const shown = () => {
        if (!document.querySelector(selector)) return false;
        watching.disconnect();
        requestAnimationFrame(() => {
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = () => resolve(performance.now() - from);
          port2.postMessage(0);
        });
        return true;
      };
      const watching = new MutationObserver(shown);
      if (!shown()) watching.observe(document, { childList: true, subtree: true });
    });

  /** Clicks on `selector`, and resolves a frame after `other` has found something: in ms after the click. */
  window.clicked = (selector, other) => {
    const from = performance.now();
    const found = window.seen(other, from);
    document.querySelector(selector).click();
    return found;
  };

  /** Whether anything is drawn on a canvas. */
  window.inked = (selector) =>
    [...document.querySelectorAll(selector)].some((one) =>
      one.getContext("2d").getImageData(0, 0, one.width, one.height).data.some((value) => value !== 0),
    );

  let spans = [];
  let last = null;
  const tick = (at) => {
    if (last !== null) spans.push(at - last);
    last = at;
    requestAnimationFrame(tick);
  };

  /** The lengths of the frames since it was called before, in ms. The first call begins. */
  window.framesOf = () => {
    if (last === null) requestAnimationFrame(tick);
    const found = spans;
    spans = [];
    return found;
  };
})();
