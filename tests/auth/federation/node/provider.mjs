// oidc-provider, as somebody else runs it: its own pages, keys and claims.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.NODE_FOLDER}/package.json`);
const module = await import(pathToFileURL(require.resolve("oidc-provider")).href);
const { Provider } = module;

const port = Number(process.env.PORT);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "hekla",
      client_secret: process.env.CLIENT_SECRET,
      redirect_uris: [process.env.REDIRECT],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  cookies: { keys: ["of a test"] },
  pkce: { required: () => true },
  // As the standard has it: what scopes ask for is told at the userinfo endpoint only.
  conformIdTokenClaims: true,
  claims: { email: ["email", "email_verified"], profile: ["name"] },
  async findAccount(_, id) {
    const claims = { sub: id, email: `${id}@example.net`, email_verified: true, name: `Node ${id}` };
    return { accountId: id, claims: async () => claims };
  },
});
provider.listen(port, "127.0.0.1");
