// What pages do beyond HTML. All of it is comfort: every page works without.
"use strict";

(() => {
  // The server shows times in the zone of the browser, which only the browser knows.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && document.documentElement.dataset.zone !== zone) {
    document.cookie = `timezone=${zone}; path=/; max-age=31536000; samesite=lax`;
  }

  // Buttons that need this script are hidden without it.
  const reveal = (root) => root.querySelectorAll(".theme-toggle, [data-copy], [data-check-all]").forEach((button) => { button.hidden = false; });
  reveal(document);
  document.addEventListener("htmx:load", (event) => reveal(event.detail.elt));

  function say(text) {
    const toasts = document.getElementById("toasts");
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.textContent = text;
    toasts.replaceChildren(toast);
    setTimeout(() => toast.remove(), 8000);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy || location.href;
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      say(`It could not be copied. Here it is: ${text}`);
    }
  });

  // One box that ticks all boxes of a table.
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-check-all]");
    if (!all) return;
    all.closest("table").querySelectorAll("tbody input[type=checkbox]").forEach((box) => { box.checked = all.checked; });
  });

  // Filters apply as they change; the button serves those without script.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto-submit]");
    if (form) form.requestSubmit();
  });

  document.addEventListener("htmx:sendError", () => say("The console cannot be reached. What is shown may be old."));
  document.addEventListener("htmx:responseError", (event) => {
    say(`The console answered with an error (${event.detail.xhr.status}). What is shown may be old.`);
  });
})();
