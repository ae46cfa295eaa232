// The dialog that asks for the service's token, once a session of the browser.

import { button, element } from "./dom.js";

/** The token that the person gives; null where they do not. `wrong`: the one before was not right. */
export function tokenAsked({ wrong }) {
  return new Promise((resolve) => {
    const input = element("input", { id: "token", type: "password", autocomplete: "off", required: true });
    if (wrong) input.setAttribute("aria-describedby", "token-wrong");
    const form = element(
      "form",
      { method: "dialog" },
      element("h2", { id: "token-title" }, "This needs the token"),
      element(
        "p",
        {},
        "The service was started with ORAC_TOKEN. It is asked for once and forgotten when this tab is closed.",
      ),
      wrong ? element("p", { id: "token-wrong", class: "trouble", role: "alert" }, "That token was not right.") : null,
      element("label", { for: "token" }, "Token"),
      input,
      element(
        "div",
        { class: "actions" },
        element("button", { class: "primary", value: "given" }, "Go on"),
        button("Cancel", () => dialog.close("")),
      ),
    );
    const dialog = element("dialog", { "aria-labelledby": "token-title" }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "given" && input.value ? input.value : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
