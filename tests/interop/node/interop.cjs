// The official SDK for Node does what an application does, and prints what it saw as one JSON document.
const { WorkOS, NotFoundException, SignatureVerificationException } = require('@workos-inc/node');

async function main() {
  const url = new URL(process.env.WORKOS_BASE_URL);
  const workos = new WorkOS(process.env.WORKOS_API_KEY, {
    apiHostname: url.hostname,
    port: Number(url.port),
    https: false,
  });
  const ask = JSON.parse(process.env.QUESTIONS);
  const sync = workos.directorySync;
  const seen = { by_idp_id: null, by_email: null, synced: null };
  const ids = (list) => list.map((item) => item.id);
  // The SDK goes on to the next page only when it is given no limit.
  const all = async (list) => ids(await list.autoPagination());
  const status = async (call) => {
    try {
      await call();
      return 200;
    } catch (error) {
      if (error instanceof NotFoundException) return error.status;
      throw error;
    }
  };

  seen.directories = await all(await sync.listDirectories());
  seen.directories_of_organization = await all(await sync.listDirectories({ organizationId: ask.organization }));
  seen.directories_found = await all(await sync.listDirectories({ search: ask.search }));
  seen.users = [];
  seen.groups = [];
  for (const directory of seen.directories) {
    seen.users.push(...(await all(await sync.listUsers({ directory }))));
    seen.groups.push(...(await all(await sync.listGroups({ directory }))));
  }
  seen.members = [];
  for (const group of seen.groups) seen.members.push(await all(await sync.listUsers({ group })));
  seen.groups_of_users = [];
  for (const user of seen.users) seen.groups_of_users.push(await all(await sync.listGroups({ user })));

  const home = { directory: ask.directory };
  seen.oldest_first = await all(await sync.listUsers({ ...home, order: 'asc' }));
  const page = await sync.listUsers({ ...home, limit: 5 });
  const next = await sync.listUsers({ ...home, limit: 5, after: page.listMetadata.after });
  const back = await sync.listUsers({ ...home, limit: 5, before: next.data[0].id });
  seen.back_is_where_it_came_from = JSON.stringify(ids(back.data)) === JSON.stringify(ids(page.data));

  seen.got = { directories: [], users: [], groups: [] };
  for (const id of seen.directories) seen.got.directories.push((await sync.getDirectory(id)).name);
  for (const id of seen.users) seen.got.users.push((await sync.getUser(id)).email);
  for (const id of seen.groups) seen.got.groups.push((await sync.getGroup(id)).name);
  // More at once than a connection of its own for each would be kind to.
  const at_once = Array.from({ length: ask.at_once }, (_, place) => seen.users[place % seen.users.length]);
  seen.at_once = ids(await Promise.all(at_once.map((id) => sync.getUser(id))));
  seen.missing = await status(() => sync.getUser(ask.missing));

  // Events have no pages that follow by themselves.
  seen.events = [];
  for (let after; after !== null; ) {
    const events = await workos.events.listEvents({ events: ask.event_names, limit: 2, after });
    seen.events.push(...events.data.map((event) => [event.id, event.event]));
    after = events.listMetadata.after ?? null;
  }

  seen.webhooks = [];
  seen.forged = [];
  for (const [sigHeader, body] of ask.webhooks) {
    // As a framework hands it over: parsed, as text or as bytes.
    const payload = JSON.parse(body);
    const event = await workos.webhooks.constructEvent({ payload, sigHeader, secret: ask.secret });
    for (const raw of [body, Buffer.from(body)]) {
      const same = await workos.webhooks.constructEvent({ payload: raw, sigHeader, secret: ask.secret });
      if (JSON.stringify(same) !== JSON.stringify(event)) throw new Error(`${body} is read in two ways`);
    }
    seen.webhooks.push([event.id, event.event]);
    for (const forged of [
      { payload: { ...payload, id: 'event_forged' }, secret: ask.secret },
      { payload, secret: 'whsec_other' },
    ]) {
      try {
        await workos.webhooks.constructEvent({ sigHeader, ...forged });
        seen.forged.push('accepted');
      } catch (error) {
        if (!(error instanceof SignatureVerificationException)) throw error;
        seen.forged.push('refused');
      }
    }
  }
  const body = ask.webhooks[0][1];
  const now = Date.now();
  const signature = await workos.webhooks.computeSignature(now, JSON.parse(body), ask.secret);

  for (const id of seen.directories) await sync.deleteDirectory(id);
  seen.deleted = [];
  for (const id of seen.directories) seen.deleted.push(await status(() => sync.getDirectory(id)));
  seen.left = (await sync.listDirectories()).data.length;
  console.log(JSON.stringify({ seen, signed: [`t=${now}, v1=${signature}`, body] }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
