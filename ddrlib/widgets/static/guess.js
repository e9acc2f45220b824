// Guess the distortion of a picture, then see the truth and what each method said.

// One line of the chart; `none` where nothing has been counted.
function bar(name, count, of, none) {
  return element("div", { class: "ddr-line" }, element("span", {}, name),
    element("span", { class: "ddr-bar" }, element("span", { style: `width: ${of ? (100 * count) / of : 0}%` })),
    element("span", {}, of ? `${count} of ${of}` : none));
}

// What the verdict and the answers can be at their longest, unseen: the room that they need is kept, so
// that nothing moves between the question and the answer.
function room(types, states) {
  const longest = (words) => words.reduce((a, b) => (b.length > a.length ? b : a));
  const said = states[0].said.map(([method], k) =>
    element("li", {}, element("b", {}, method), `: ${longest(states.map((state) => state.said[k][1]))}, level 5.0 (wrong)`));
  return [
    element("p", { class: "ddr-verdict-room" }, `Wrong: it is ${longest(types)}, level 5 of 5. You have 100 of 100.`),
    element("ul", { class: "ddr-answers-room" }, ...said),
  ];
}

function render({ model, el }) {
  const [types, states, pictures, live] = ["types", "states", "pictures", "live"].map((name) => model.get(name));
  const urls = pictures.map(imageUrl);
  const methods = states[0].said.map(([method]) => method);
  const score = { right: 0, of: 0 };
  let [left, current, fresh] = [[...states.keys()], null, null];

  const image = element("img", {});
  const answers = element("ul", { class: "ddr-answers" });
  const verdict = element("p", { class: "ddr-verdict", "aria-live": "polite" });
  const heard = [verdict, answers].map((node, k) => element("div", { class: "ddr-alternatives" }, node, room(types, states)[k]));
  const buttons = types.map((type) => element("button", { type: "button", onclick: () => guess(type) }, type));
  const next = element("button", { type: "button", class: "ddr-next", onclick: () => {
    ask();
    buttons[0].focus(); // this button goes away
  } }, "Next picture");
  const chart = element("div", { class: "ddr-chart" });

  // Each picture once before any comes again.
  function ask(k = left[Math.floor(Math.random() * left.length)]) {
    left = left.filter((other) => other !== k);
    if (!left.length) left = [...states.keys()];
    current = states[k];
    image.src = urls[k];
    image.alt = "A photograph that has been distorted: which way?";
    verdict.textContent = "Which distortion is it?";
    answers.replaceChildren(element("li", { class: "ddr-note" }, "What each method took it for appears here."));
    next.style.visibility = "hidden"; // which keeps its place
    buttons.forEach((button) => {
      button.disabled = false;
      button.removeAttribute("class");
    });
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
    verdict.textContent = `${type === truth ? "Right" : "Wrong"}: it is ${truth}, level ${level} of 5. `
      + `You have ${score.right} of ${score.of}.`;
    image.alt = `A photograph under ${truth}, level ${level}`;
    list(said, truth);
    next.style.visibility = "";
    next.focus();
    drawChart();
  }

  function list(said, truth) {
    answers.replaceChildren(...said.map(([method, kind, level]) => element(
      "li", {}, element("b", {}, method), `: ${kind}, level ${level.toFixed(1)}`,
      truth === undefined ? "" : kind === truth ? " (right)" : " (wrong)",
    )));
  }

  // How many pictures each got right: the reader first, the methods once he or she has guessed.
  function drawChart() {
    const right = (k) => states.filter(({ type, said }) => said[k][1] === type).length;
    const bars = score.of
      ? methods.map((method, k) => [method, right(k), states.length]).sort(([, a], [, b]) => b - a)
      : methods.map((method) => [method, 0, 0, "guess first"]);
    chart.replaceChildren(
      element("p", { class: "ddr-head" }, "Share right"),
      element("p", {}, `You: of the pictures that you have guessed. The methods: of all ${states.length} pictures of this game.`),
      bar("you", score.right, score.of, "none yet"), ...bars.map((each) => bar(...each)),
    );
  }

  el.append(widgetRoot(
    { class: "ddr ddr-guess" },
    element(
      "div", { class: "ddr-game" }, image,
      element("div", {}, heard[0], element("div", { class: "ddr-row" }, ...buttons), heard[1], next),
    ),
    chart,
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
        list(said);
      },
    }),
  ));
  ask(model.get("opening"));
  drawChart();
  return () => [...urls, fresh].forEach((url) => url && URL.revokeObjectURL(url));
}

export default { render };
