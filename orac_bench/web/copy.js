// What a person takes along: text into the clipboard, files onto the disk. Says what it did.

import { button, element } from "./dom.js";

/** A button that copies `text()`; where the browser does not let it, the text is shown to be copied by hand. */
export function copyButton(label, text) {
  return button(label, async () => {
    const told = await text();
    try {
      await navigator.clipboard.writeText(told);
      announce("Copied.");
    } catch {
      shown(label, told);
    }
  });
}

/** A button that saves `text()` as the file `name`. */
export function saveButton(label, name, text, type = "text/plain") {
  return button(label, async () => {
    save(name, URL.createObjectURL(new Blob([await text()], { type })));
    announce(`Saved ${name}.`);
  });
}

/** Saves what is at `url` as the file `name`. */
export function save(name, url) {
  const anchor = element("a", { href: url, download: name });
  anchor.click();
  if (url.startsWith("blob:")) setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Tells everybody, also those who hear the page, that something was done. */
export function announce(text) {
  const place = document.getElementById("said");
  place.textContent = text;
  place.classList.add("fresh");
  setTimeout(() => place.textContent === text && place.classList.remove("fresh"), 2500);
}

function shown(label, text) {
  const area = element("textarea", { readonly: true, rows: 12, "aria-label": label }, text);
  const dialog = element(
    "dialog",
    { "aria-label": label, on: { close: () => dialog.remove() } },
    element("h2", {}, label),
    area,
  );
  dialog.append(
    element(
      "div",
      { class: "actions" },
      button("Close", () => dialog.close()),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  area.select();
}
