// What an application does that signs its users in by openid-client. It is asked on the standard
// input and says on the standard output, a line of JSON each.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.NODE_FOLDER}/package.json`);
const oidc = await import(pathToFileURL(require.resolve("openid-client")).href);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (document) => console.log(JSON.stringify(document));
const hear = async () => JSON.parse((await lines.next()).value);

const { issuer, id, secret, redirect, device, robot } = await hear();
const insecure = { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] };
const discover = (client, authentication) =>
  oidc.discovery(new URL(issuer), client.id, client.secret ?? undefined, authentication, insecure);
const config = await discover({ id, secret });

const verifier = oidc.randomPKCECodeVerifier();
const state = oidc.randomState();
const nonce = oidc.randomNonce();
say({
  url: oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirect,
    scope: "openid profile email offline_access",
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
  }).href,
});

const { callback } = await hear();
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
const mixed = new URL(callback);
mixed.searchParams.set("iss", "https://evil.example");
const mixUp = await oidc.authorizationCodeGrant(config, mixed, checks).then(
  () => "taken",
  (error) => error.code,
);
const tokens = await oidc.authorizationCodeGrant(config, new URL(callback), checks);
const claims = tokens.claims();
const user = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
const before = await oidc.tokenIntrospection(config, renewed.access_token);
await oidc.tokenRevocation(config, renewed.refresh_token);
const after = await oidc.tokenIntrospection(config, renewed.access_token);
say({ mixUp, claims, user, scope: tokens.scope, before: before.active, after: after.active });

const screen = await discover(device, oidc.None());
const waiting = await oidc.initiateDeviceAuthorization(screen, { scope: "openid" });
say({ url: waiting.verification_uri_complete });
const shown = await oidc.pollDeviceAuthorizationGrant(screen, waiting);

const machine = await discover(robot, oidc.ClientSecretPost(robot.secret));
const own = await oidc.clientCredentialsGrant(machine, { scope: "read" });
say({ device: shown.claims().sub, robot: own.access_token });
process.exit(0);
