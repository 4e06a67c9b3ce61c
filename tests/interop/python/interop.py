"""The official SDK for Python does what an application does, and prints what it saw as one JSON document."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import workos
from workos import WorkOSClient

client = WorkOSClient(
    api_key=os.environ["WORKOS_API_KEY"],
    client_id="client_test",
    base_url=os.environ["WORKOS_BASE_URL"],
)
ask = json.loads(os.environ["QUESTIONS"])
sync = client.directory_sync
seen = {}


def every(page):
    return [item.id for item in page.auto_paging_iter()]


def status(call, id):
    try:
        call(id)
        return 200
    except workos.NotFoundError as error:
        return error.status_code


seen["directories"] = every(sync.list_directories(limit=2))
seen["directories_of_organization"] = every(sync.list_directories(organization_id=ask["organization"]))
seen["directories_found"] = every(sync.list_directories(search=ask["search"]))
seen["users"] = []
seen["groups"] = []
for directory in seen["directories"]:
    seen["users"] += every(sync.list_users(directory=directory, limit=7))
    seen["groups"] += every(sync.list_groups(directory=directory))
seen["members"] = [every(sync.list_users(group=group, limit=100)) for group in seen["groups"]]
seen["groups_of_users"] = [every(sync.list_groups(user=user)) for user in seen["users"]]

home = ask["directory"]
seen["oldest_first"] = every(sync.list_users(directory=home, order="asc", limit=3))
seen["by_idp_id"] = every(sync.list_users(directory=home, idp_id=ask["idp_id"]))
seen["by_email"] = every(sync.list_users(directory=home, email=ask["email"]))
page = sync.list_users(directory=home, limit=5)
following = sync.list_users(directory=home, limit=5, after=page.list_metadata.after)
back = sync.list_users(directory=home, limit=5, before=following.data[0].id)
seen["back_is_where_it_came_from"] = [user.id for user in back.data] == [user.id for user in page.data]

directories = [sync.get_directory(id) for id in seen["directories"]]
users = [sync.get_user(id) for id in seen["users"]]
groups = [sync.get_group(id) for id in seen["groups"]]
seen["got"] = {
    "directories": [directory.name for directory in directories],
    "users": [user.email for user in users],
    "groups": [group.name for group in groups],
}
encoded = {
    "directories": [directory.to_dict() for directory in directories],
    "users": [user.to_dict() for user in users],
    "groups": [group.to_dict() for group in groups],
}
at_once = [seen["users"][place % len(seen["users"])] for place in range(ask["at_once"])]
with ThreadPoolExecutor(max_workers=ask["at_once"]) as threads:
    seen["at_once"] = [user.id for user in threads.map(sync.get_user, at_once)]
seen["missing"] = status(sync.get_user, ask["missing"])

seen["synced"] = sync.create_directory_sync(ask["syncable"]).status

events = client.events.list_events(events=ask["event_names"], limit=2)
seen["events"] = [[event.id, event.event] for event in events.auto_paging_iter()]

seen["webhooks"] = []
seen["forged"] = []
for signature, body in ask["webhooks"]:
    event = client.webhooks.verify_event(event_body=body, event_signature=signature, secret=ask["secret"])
    same = client.webhooks.verify_event(event_body=body.encode(), event_signature=signature, secret=ask["secret"])
    assert same.to_dict() == event.to_dict(), body
    seen["webhooks"].append([event.id, event.event])
    for forged in [{"event_body": body + " ", "secret": ask["secret"]}, {"event_body": body, "secret": "whsec_other"}]:
        try:
            client.webhooks.verify_event(event_signature=signature, **forged)
            seen["forged"].append("accepted")
        except ValueError:
            seen["forged"].append("refused")

for id in seen["directories"]:
    sync.delete_directory(id)
seen["deleted"] = [status(sync.get_directory, id) for id in seen["directories"]]
seen["left"] = len(sync.list_directories().data)
print(json.dumps({"seen": seen, "encoded": encoded}))
