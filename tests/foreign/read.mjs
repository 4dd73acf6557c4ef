// Reads drawings from standard input as JSON, and prints what a foreign parser makes of each.
import { readFileSync } from "node:fs";

const [, , parser] = process.argv;
const drawings = JSON.parse(readFileSync(0, "utf8"));

const parsers = {
  async mermaid() {
    const { JSDOM } = await import("jsdom");
    const { window } = new JSDOM("");
    Object.assign(globalThis, { window, document: window.document });
    const { default: mermaid } = await import("mermaid");
    return async (text) => (await mermaid.parse(text)).diagramType;
  },
  async dot() {
    const { instance } = await import("@viz-js/viz");
    const viz = await instance();
    return (text) => {
      const graph = viz.renderJSON(text);
      const nodes = graph.objects.filter((one) => !one.nodes && !one.name.startsWith("cluster"));
      const edges = graph.edges.map((one) => [
        graph.objects[one.tail].name, graph.objects[one.head].name, one.label ?? "",
      ]);
      return { nodes: nodes.map((one) => one.name), edges };
    };
  },
  async xstate() {
    const { createMachine, initialTransition, transition } =
      await import("xstate");
    return (text) => {
      const { config, leaves, events } = JSON.parse(text);
      const machine = createMachine(JSON.parse(config));
      const nameOf = (state) => [...state._nodes].find((node) => !Object.keys(node.states).length).id;
      const moves = [];
      for (const leaf of leaves) {
        const value = leaf.split(".").reverse().reduce((inner, name) => inner ? { [name]: inner } : name, "");
        for (const type of events) {
          const before = machine.resolveState({ value });
          if (!before.can({ type })) continue;
          moves.push([leaf, type, nameOf(transition(machine, before, { type })[0])]);
        }
      }
      return { initial: nameOf(initialTransition(machine)[0]), moves };
    };
  },
};

const read = await parsers[parser]();
const told = [];
for (const text of drawings) {
  try {
    told.push({ read: await read(text) });
  } catch (error) {
    told.push({ error: String(error) });
  }
}
process.stdout.write(JSON.stringify(told));
