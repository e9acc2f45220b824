// What a term of the glossary means, where the term stands: on hover, on focus, and at the first tap (the second
// follows the link).
(function () {
  "use strict";
  const ROOM = 8; // pixels to the window's edge and to the term
  const box = document.createElement("div");
  box.className = "ddr-definition";
  box.id = "ddr-definition";
  box.setAttribute("role", "tooltip");

  function show(link) {
    box.textContent = link.dataset.definition;
    document.body.append(box);
    link.setAttribute("aria-describedby", box.id);
    const term = link.getBoundingClientRect();
    const below = term.bottom + ROOM;
    const fits = below + box.offsetHeight <= innerHeight;
    box.style.left = `${Math.max(ROOM, Math.min(term.left, innerWidth - box.offsetWidth - ROOM))}px`;
    box.style.top = `${fits ? below : Math.max(ROOM, term.top - box.offsetHeight - ROOM)}px`;
  }

  function hide() {
    document.querySelector(`[aria-describedby="${box.id}"]`)?.removeAttribute("aria-describedby");
    box.remove();
  }

  function explain(link) {
    link.dataset.definition = link.title;
    link.removeAttribute("title"); // or the browser shows it, too
    link.addEventListener("mouseenter", () => show(link));
    link.addEventListener("focus", () => show(link));
    link.addEventListener("mouseleave", hide);
    link.addEventListener("blur", hide);
    let open = false; // when the finger comes down: a tap also counts as hover
    link.addEventListener("pointerdown", () => { open = link.hasAttribute("aria-describedby"); });
    link.addEventListener("click", (event) => {
      if (event.pointerType !== "touch" || open) return;
      event.preventDefault();
      show(link);
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll('.bd-article a[href*="glossary.html#term-"][title]').forEach(explain);
  });
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  addEventListener("scroll", hide, { passive: true });
})();
