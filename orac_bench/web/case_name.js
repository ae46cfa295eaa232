// How a case is called: its model, with what tells it from the model's other cases, such as "num_thread=4".

/** The name of a case of `model`; `variant` is null where it has none. */
export function caseName({ model, variant = null }) {
  return variant ? `${model} ${variant}` : model;
}
