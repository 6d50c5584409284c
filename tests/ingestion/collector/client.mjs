// Sends mixed calls through Segment's own Node client: node client.mjs URL KEY COUNT
import { Analytics } from "@segment/analytics-node";

const [host, writeKey, count] = process.argv.slice(2);
const client = new Analytics({ writeKey, host, flushAt: 50, maxRetries: 5, disable: false });
let failed = 0;
client.on("error", () => { failed += 1; });
for (let i = 0; i < Number(count); i += 1) {
  const who = { userId: `node-${i % 7}` };
  const timestamp = new Date();
  switch (i % 6) {
    case 0: client.track({ ...who, event: "Product Viewed", properties: { i, name: "é✓" }, timestamp }); break;
    case 1: client.identify({ ...who, traits: { plan: "x", i } }); break;
    case 2: client.page({ ...who, name: "Home", properties: { url: `https://x.example/${i}` } }); break;
    case 3: client.screen({ ...who, name: "Start" }); break;
    case 4: client.group({ ...who, groupId: `g${i % 3}` }); break;
    default: client.alias({ ...who, previousId: `anonymous-${i}` });
  }
}
await client.closeAndFlush({ timeout: 60000 });
process.exit(failed ? 1 : 0);
