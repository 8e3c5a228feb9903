// Loads a GGUF file with llama.cpp, and prints what it understood and which tokens it writes.
// Arguments: the directory of node-llama-cpp, the file, the first token, how many more to write.
import { pathToFileURL } from "node:url";

const [library, modelPath, first, count] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(`${library}/dist/index.js`).href);
const offline = { build: "never", skipDownload: true, progressLogs: false };
const llama = await getLlama({ ...offline, gpu: false, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: model.trainContextSize });
const words = [];
for await (const token of context.getSequence().evaluate([Number(first)], { temperature: 0 })) {
  words.push(model.detokenize([token]));
  if (words.length >= Number(count)) break;
}
const { embeddingVectorSize, trainContextSize } = model;
const { architecture } = model.fileInfo.metadata.general;
const seen = { architecture, embeddingVectorSize, trainContextSize, words };
process.stdout.write(JSON.stringify(seen));
await llama.dispose();
