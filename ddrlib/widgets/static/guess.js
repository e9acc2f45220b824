// Guess the distortion of a picture, then see the truth and what each method said.

const longest = (words) => words.reduce((a, b) => (b.length > a.length ? b : a));

// Text in the room that the longest one needs, so that nothing moves between the question and the answer.
function roomFor(most, shown) {
  return element("span", { class: "ddr-alternatives" }, element("span", {}, shown),
    element("span", { class: "ddr-room", "aria-hidden": "true" }, most));
}

const marked = (kind, truth) => (truth === undefined ? "" : kind === truth ? " (right)" : " (wrong)");

// How many of how many are right, as a bar over the number; `none` where nothing has been counted.
function share(count, of, none) {
  return [element("span", { class: "ddr-bar" }, element("span", { style: `width: ${of ? (100 * count) / of : 0}%` })),
    roomFor("100 of 100", of ? `${count} of ${of}` : none)];
}

function render({ model, el }) {
  const [types, states, live] = ["types", "states", "live"].map((name) => model.get(name));
  const [urls, originals] = ["pictures", "originals"].map((name) => model.get(name).map(imageUrl));
  const right = (k) => states.filter(({ type, said }) => said[k][1] === type).length;
  const methods = states[0].said.map(([method], k) => ({ method, k, right: right(k) })).sort((a, b) => b.right - a.right);
  const score = { right: 0, of: 0 };
  let [left, current, fresh] = [[...states.keys()], null, null];

  const image = element("img", {});
  const original = element("img", { class: "ddr-original", alt: "" });
  const halves = element("p", { class: "ddr-note" }, "Left half: distorted. Right half: the original.");
  const verdict = element("span", { class: "ddr-verdict", "aria-live": "polite" });
  const scores = element("tbody", {});
  const buttons = types.map((type) => element("button", { type: "button", onclick: () => guess(type) }, type));
  const next = element("button", { type: "button", class: "ddr-next", onclick: () => {
    ask();
    buttons[0].focus(); // this button goes away
  } }, "Next picture");

  // Each picture once before any comes again.
  function ask(k = left[Math.floor(Math.random() * left.length)]) {
    left = left.filter((other) => other !== k);
    if (!left.length) left = [...states.keys()];
    current = states[k];
    image.src = urls[k];
    original.src = originals[k] ?? "";
    reveal(false);
    image.alt = "A photograph that has been distorted: which way?";
    verdict.textContent = "Which distortion is it?";
    list();
    next.style.visibility = "hidden"; // which keeps its place
    buttons.forEach((button) => {
      button.disabled = false;
      button.removeAttribute("class");
    });
  }

  // Beside what it was made of, where that is at hand, the guess can be checked.
  function reveal(shown) {
    for (const part of [original, halves]) part.style.visibility = shown && originals.length ? "" : "hidden";
  }

  function guess(type) {
    const { type: truth, level, said } = current;
    score.of += 1;
    score.right += type === truth;
    buttons.forEach((button, k) => {
      button.disabled = true;
      if (types[k] === truth) button.className = "ddr-right";
      else if (types[k] === type) button.className = "ddr-wrong";
    });
    verdict.textContent = `${type === truth ? "Right" : "Wrong"}: it is ${truth}, level ${level} of 5.`;
    image.alt = `A photograph under ${truth}, level ${level}`;
    reveal(true);
    list(said, truth, type);
    next.style.visibility = "";
    next.focus();
  }

  // A row each for the reader and for the methods, whose answers and shares are seen once he or she has guessed.
  function list(said, truth, guessed) {
    const row = (name, took, counted) => element("tr", {}, element("th", { scope: "row" }, name),
      element("td", {}, roomFor(`${longest(types)}, level 5.0 (wrong)`, took)), element("td", {}, ...counted));
    const took = (k) => {
      const [, kind, level] = said[k];
      return `${kind}, level ${level.toFixed(1)}${marked(kind, truth)}`;
    };
    scores.replaceChildren(
      row("you", guessed ? guessed + marked(guessed, truth) : "", share(score.right, score.of, "none yet")),
      ...methods.map(({ method, k, right: count }) => row(
        method, said ? took(k) : "", share(score.of ? count : 0, score.of ? states.length : 0, "guess first"),
      )),
    );
  }

  el.append(widgetRoot(
    { class: "ddr ddr-guess" },
    element(
      "div", { class: "ddr-game" }, element("div", {}, element("div", { class: "ddr-halves" }, image, original), halves),
      element(
        "div", {},
        element("p", {}, roomFor(`Wrong: it is ${longest(types)}, level 5 of 5.`, verdict)),
        element("div", { class: "ddr-row" }, ...buttons), next,
      ),
    ),
    element(
      "table", { class: "ddr-scores" },
      element("caption", {}, `Right: of the pictures that you have guessed; of all ${states.length} for the methods.`),
      element("thead", {}, element("tr", {}, ...["who", "takes it for", "right"].map((head) => element("th", { scope: "col" }, head)))),
      scores,
    ),
    ...liveForm(model, {
      title: "Distort it otherwise",
      unavailable: "These pictures were distorted beforehand. Where this chapter runs in a notebook, "
        + `you can also type ${live}.`,
      fields: [["text", live, { type: "text", required: true, autocomplete: "off" }]],
      request: () => ({ reference: current.reference }),
      onResult: ({ said }, [picture]) => {
        if (fresh) URL.revokeObjectURL(fresh);
        fresh = imageUrl(picture);
        image.src = fresh;
        reveal(false);
        list(said);
      },
    }),
  ));
  ask(model.get("opening"));
  return () => [...urls, ...originals, fresh].forEach((url) => url && URL.revokeObjectURL(url));
}

export default { render };
