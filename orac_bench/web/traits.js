// What a model is like, to filter by: its quantisation and its size, by its file where that is here, else by its name.

import { read } from "./api.js";
import { pulse } from "./pulse.js";

const SIZES = [
  { key: "tiny", label: "below 0.5 B", most: 0.5e9 },
  { key: "small", label: "0.5 to 1 B", most: 1e9 },
  { key: "middle", label: "1 to 2 B", most: 2e9 },
  { key: "large", label: "2 B and more", most: Infinity },
];
const known = new Map();

/** Looks once what the models here are like; whether that told anything. Not while something is measured. */
export async function learnModels(signal) {
  if (known.size || pulse.health?.measuring) return false;
  try {
    const { models } = await read("/v1/models", { signal });
    for (const one of models) for (const name of [one.name, ...one.aliases]) known.set(name, one);
  } catch {
    // names tell enough
  }
  return known.size > 0;
}

/** The quantisation of the model `name`, such as "Q4_K_M"; empty where nothing tells it. */
export function quantisation(name) {
  const told = /(?:^|[-._:])((?:iq|q)\d(?:_[a-z0-9]+)*|f16|f32|bf16)$/i.exec(name);
  return (known.get(name)?.quantization ?? told?.[1] ?? "").toUpperCase();
}

/** The size of the model `name` as a key of `sizes`; empty where nothing tells it. */
export function size(name) {
  const told = /(?:^|[-_:])(\d+(?:\.\d+)?)(b|m)(?=[-._:]|$)/i.exec(name);
  const parameters =
    known.get(name)?.parameters ?? (told ? Number(told[1]) * (told[2].toLowerCase() === "b" ? 1e9 : 1e6) : null);
  return parameters === null ? "" : SIZES.find((one) => parameters < one.most).key;
}

/** The sizes in their order, each with its label. */
export function sizes() {
  return SIZES.map(({ key, label }) => [key, label]);
}
