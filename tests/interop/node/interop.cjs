// The official SDK for Node does what an application does, and prints what it saw as one JSON document.
const { WorkOS, NotFoundException } = require('@workos-inc/node');

async function main() {
  const url = new URL(process.env.WORKOS_BASE_URL);
  const workos = new WorkOS(process.env.WORKOS_API_KEY, {
    apiHostname: url.hostname,
    port: Number(url.port),
    https: false,
  });
  // The SDK goes on to the next page only when it is given no limit.
  const all = async (list) => (await list.autoPagination()).map((item) => item.id);
  const sync = workos.directorySync;
  const seen = {};

  seen.directories = await all(await sync.listDirectories());
  seen.users = [];
  seen.groups = [];
  seen.members = {};
  for (const directory of seen.directories) {
    seen.users.push(...(await all(await sync.listUsers({ directory }))));
    seen.groups.push(...(await all(await sync.listGroups({ directory }))));
  }
  for (const group of seen.groups) {
    seen.members[group] = await all(await sync.listUsers({ group }));
  }

  const page = await sync.listUsers({ directory: seen.directories[0], limit: 5 });
  const next = await sync.listUsers({ directory: seen.directories[0], limit: 5, after: page.listMetadata.after });
  const back = await sync.listUsers({
    directory: seen.directories[0],
    limit: 5,
    before: next.data[0].id,
  });
  seen.back_is_where_it_came_from =
    JSON.stringify(back.data.map((user) => user.id)) === JSON.stringify(page.data.map((user) => user.id));

  seen.got = [];
  for (const id of seen.users) seen.got.push((await sync.getUser(id)).email);
  for (const id of seen.groups) await sync.getGroup(id);
  for (const id of seen.directories) await sync.getDirectory(id);

  try {
    await sync.getUser('directory_user_01E1JG7J09H96KYP8HM9B0G5SJ');
    seen.missing = 'found';
  } catch (error) {
    seen.missing = error instanceof NotFoundException ? error.status : String(error);
  }

  const events = await workos.events.listEvents({ events: ['dsync.user.created', 'dsync.group.user_added'] });
  seen.events = events.data.map((event) => [event.id, event.event]);

  const event = await workos.webhooks.constructEvent({
    payload: JSON.parse(process.env.WEBHOOK_BODY),
    sigHeader: process.env.WEBHOOK_SIGNATURE,
    secret: process.env.WEBHOOK_SECRET,
  });
  seen.webhook = [event.id, event.event];
  try {
    await workos.webhooks.constructEvent({
      payload: { ...JSON.parse(process.env.WEBHOOK_BODY), id: 'event_forged' },
      sigHeader: process.env.WEBHOOK_SIGNATURE,
      secret: process.env.WEBHOOK_SECRET,
    });
    seen.forged = 'accepted';
  } catch (error) {
    seen.forged = 'refused';
  }

  for (const id of seen.directories) await sync.deleteDirectory(id);
  seen.left = (await sync.listDirectories()).data.length;
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
