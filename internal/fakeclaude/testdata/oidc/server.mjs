// An authorization server that is not ours, for an independent check of the protocol:
// oidc-provider on loopback, behind an adapter that turns our JSON token calls into
// the forms it wants. Whoever asks is signed in and has consented.
//
//   node server.mjs [DIR with node_modules] [seconds an access token lives]
//
// Prints one line of JSON with its addresses, and ends when stdin does.
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

// stdout is for the one line; the library's notices go to stderr.
console.info = console.log = console.error;
// Node 20 lacks what the library takes for granted.
URL.parse ??= (text, base) => (URL.canParse(text, base) ? new URL(text, base) : null);

const [dir = import.meta.dirname, lifetime = '60'] = process.argv.slice(2);
const library = pathToFileURL(resolve(dir, 'node_modules/oidc-provider/lib/index.js'));
const { default: Provider } = await import(library);

const clientId = '9d1c250a-e61b-44d9-88ed-5944d1962f5e';
const account = 'a@example.com';
const pastePath = '/oauth/code/callback';
const scopes = [
  'org:create_api_key', 'user:profile', 'user:inference', 'user:sessions:claude_code',
  'user:mcp_servers', 'user:file_upload', 'user:plugins',
];

const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const base = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(base, {
  clients: [{
    client_id: clientId,
    application_type: 'native', // RFC 8252: the loopback redirect's port is free
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: ['http://localhost/callback', base + pastePath],
  }],
  scopes,
  pkce: { required: () => true },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  findAccount: (ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  // A native client's person is always asked; what they grant is settled here.
  async loadExistingGrant(ctx) {
    const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope(scopes.join(' '));
    await grant.save();
    return grant;
  },
  features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  cookies: { keys: ['FAKE-cookie-key'] },
  ttl: {
    AccessToken: Number(lifetime), AuthorizationCode: 600, RefreshToken: 30 * 86400,
    Grant: 30 * 86400, Session: 3600, Interaction: 600, IdToken: 600,
  },
});
const serve = provider.callback();

// forward sends a JSON call on as a form and the answer back as it came.
async function forward(req, res, path) {
  let text = '';
  for await (const chunk of req) text += chunk;
  if (!/^application\/json\b/.test(req.headers['content-type'] ?? '')) {
    res.writeHead(415).end();
    return;
  }
  let fields;
  try {
    fields = Object.entries(JSON.parse(text)).map(([name, value]) => [name, String(value)]);
  } catch {
    res.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_request"}');
    return;
  }
  const answer = await fetch(base + path, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
  res.end(await answer.text());
}

async function handle(req, res) {
  const { pathname, searchParams } = new URL(req.url, base);
  if (req.method === 'POST' && pathname === '/v1/oauth/token') {
    await forward(req, res, '/token');
  } else if (req.method === 'POST' && pathname === '/v1/oauth/token/revoke') {
    await forward(req, res, '/token/revocation');
  } else if (pathname.startsWith('/interaction/')) {
    const { prompt } = await provider.interactionDetails(req, res);
    const done = prompt.name === 'login' ? { login: { accountId: account } } : { consent: {} };
    await provider.interactionFinished(req, res, done);
  } else if (pathname === pastePath) {
    res.end(`${searchParams.get('code')}#${searchParams.get('state')}`);
  } else {
    await serve(req, res);
  }
}
server.on('request', (req, res) => handle(req, res).catch((error) => {
  console.error(error);
  res.writeHead(500).end();
}));

process.stdin.resume().on('end', () => process.exit(0));
process.stdout.write(`${JSON.stringify({
  issuer: base, authorize: `${base}/auth`, token: `${base}/v1/oauth/token`, paste: base + pastePath, account,
})}\n`);
