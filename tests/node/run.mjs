// Runs one scenario over each transport: node run.mjs <scenario> <JSON parameters>.
// Parameters: url, api, key, transports. Each check that held is one JSON line.
import { Scenario } from "./scenario.mjs";

const [name, json] = process.argv.slice(2);
const parameters = JSON.parse(json);
const { default: run } = await import(`./scenarios/${name}.mjs`);

for (const transport of parameters.transports ?? ["polling", "websocket", "upgrade"]) {
  const scenario = new Scenario(transport, parameters);
  try {
    await run(scenario);
    await scenario.end();
  } catch (error) {
    console.error(`${name} over ${transport}:`, error);
    process.exit(1);
  }
}
process.exit(0);
