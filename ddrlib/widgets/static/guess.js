// Guess the distortion of a picture, then see the truth and what each method said.

function render({ model, el }) {
  const [types, states, pictures, live] = ["types", "states", "pictures", "live"].map((name) => model.get(name));
  const urls = pictures.map(imageUrl);
  const methods = states[0].said.map(([method]) => method);
  const score = { right: 0, of: 0 };
  let [left, current, fresh] = [[...states.keys()], null, null];

  const image = element("img", {});
  const answers = element("ul", { class: "ddr-answers" });
  const verdict = element("p", { class: "ddr-verdict", "aria-live": "polite" });
  const buttons = types.map((type) => element("button", { type: "button", onclick: () => guess(type) }, type));
  const next = element("button", { type: "button", class: "ddr-next", onclick: () => ask() }, "Next picture");
  const chart = element("div", { class: "ddr-chart" });

  // Each picture once before any comes again.
  function ask(k = left[Math.floor(Math.random() * left.length)]) {
    left = left.filter((other) => other !== k);
    if (!left.length) left = [...states.keys()];
    current = states[k];
    image.src = urls[k];
    image.alt = "A photograph that has been distorted: which way?";
    verdict.textContent = "Which distortion is it?";
    answers.replaceChildren();
    next.hidden = true;
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
    next.hidden = false;
    next.focus();
    drawChart();
  }

  function list(said, truth) {
    answers.replaceChildren(...said.map(([method, kind, level]) => element(
      "li", {}, truth === undefined ? "" : kind === truth ? "✓ " : "✗ ",
      element("b", {}, method), `: ${kind}, level ${level.toFixed(1)}`,
    )));
  }

  // How many of all the pictures each got right, the reader of those that he or she has seen.
  function drawChart() {
    const right = (k) => states.filter(({ type, said }) => said[k][1] === type).length;
    const bars = methods.map((method, k) => [method, right(k), states.length]);
    if (score.of) bars.push(["you", score.right, score.of]);
    bars.sort(([, a, n], [, b, m]) => b / m - a / n);
    chart.replaceChildren(
      element("p", {}, `Right answers on all ${states.length} pictures of this game`),
      ...bars.map(([name, count, of]) => element(
        "div", { class: "ddr-line" }, element("span", {}, name),
        element("span", { class: "ddr-bar" }, element("span", { style: `width: ${(100 * count) / of}%` })),
        element("span", {}, `${count} of ${of}`),
      )),
    );
  }

  el.append(widgetRoot(
    { class: "ddr ddr-guess" },
    element(
      "div", { class: "ddr-game" }, image,
      element("div", {}, verdict, element("div", { class: "ddr-row" }, ...buttons), answers, next),
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
