// Sentences and weights, loaded as scripts when they are needed, the oldest dropped:
// a page opened from a file may load scripts beside it and nothing else.

const MOST_CHUNKS = 48; // chunks in memory, of some 48 KB each
const waiting = new Map(); // name -> function that takes the value
const chunks = new Map(); // name -> promise of a chunk, the last used at the end
const texts = new Map(); // key of a set -> promise of its sentences

window.attnlab = {
  give(name, value) {
    waiting.get(name)?.(value);
    waiting.delete(name);
  },
};

function load(name, file) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    const fail = () => {
      waiting.delete(name);
      element.remove();
      reject(
        new Error(
          `data/${file} could not be read: keep the folder “data” beside this page.`,
        ),
      );
    };
    waiting.set(name, (value) => {
      element.remove();
      resolve(value);
    });
    element.onerror = fail;
    element.onload = () => waiting.has(name) && fail();
    element.src = `data/${file.split("/").map(encodeURIComponent).join("/")}`;
    document.head.append(element);
  });
}

function remembered(cache, name, start) {
  if (!cache.has(name)) {
    const promise = start();
    cache.set(name, promise);
    promise.catch(() => cache.delete(name)); // to be tried again
  }
  return cache.get(name);
}

// [{source, target, sure, possible}] of a set; links are [t, s]. Examples of another form
// than maps have source and target, and what their form draws.
function sentencesOf(key) {
  const pairs = (flat) =>
    Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n], flat[2 * n + 1]]);
  return remembered(texts, key, async () => {
    const sentences = await load(key, `${key}/sentences.js`);
    if (setOf.get(key).form !== "map") return sentences;
    return sentences.map(([source, target, sure, possible]) => ({
      source,
      target,
      sure: pairs(sure),
      possible: pairs(possible),
    }));
  });
}

function chunkOf(set, slug, seed, number) {
  const first = rowOf.get(slug).sets[set.key][0];
  const stem = seed === first ? slug : `${slug}/${seed}`;
  const name = `${set.key}/${stem}/${number}`;
  const chunk = remembered(chunks, name, async () => {
    const content = await load(name, `${set.key}/${stem}-${number}.js`);
    if (set.form !== "map") return content;
    const bytes = atob(content.weights);
    return {
      ...content,
      weights: Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)),
    };
  });
  chunks.delete(name);
  chunks.set(name, chunk);
  while (chunks.size > MOST_CHUNKS) chunks.delete(chunks.keys().next().value);
  return chunk;
}

// What a seed of a row did with a sentence: weights [T * S] in 0 to 255, centres and samples [T].
async function alignmentOf(key, slug, seed, sentence) {
  const set = setOf.get(key);
  let number = set.chunks.length - 1;
  while (set.chunks[number] > sentence) number--;
  const [all, chunk] = await Promise.all([
    sentencesOf(key),
    chunkOf(set, slug, seed, number),
  ]);
  if (set.form !== "map")
    return { ...all[sentence], ...chunk[sentence - set.chunks[number]] };
  let cells = 0,
    words = 0;
  for (let n = set.chunks[number]; n < sentence; n++) {
    cells += all[n].target.length * all[n].source.length;
    words += all[n].target.length;
  }
  const pair = all[sentence];
  const many = pair.target.length;
  return {
    ...pair,
    weights: chunk.weights.subarray(cells, cells + many * pair.source.length),
    centres: chunk.centres?.slice(words, words + many),
    samples: chunk.samples?.slice(words, words + many),
    aer: chunk.aer?.[sentence - set.chunks[number]] ?? null,
  };
}
