// Server-sent events out of an answer to a POST, which EventSource cannot make.

/** The events of `response` as they come: `kind`, and `data` decoded. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += value;
      const blocks = rest.split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const found = event(block);
        if (found) yield found;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function event(block) {
  const lines = block
    .split("\n")
    .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).replace(/^ /, "")]);
  const kind = lines.find(([name]) => name === "event")?.[1];
  const data = lines
    .filter(([name]) => name === "data")
    .map(([, text]) => text)
    .join("\n");
  return kind && data ? { kind, data: JSON.parse(data) } : null;
}
