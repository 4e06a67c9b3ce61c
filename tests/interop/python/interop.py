"""The official SDK for Python does what an application does, and prints what it saw as one JSON document."""

import json
import os

import workos
from workos import WorkOSClient

client = WorkOSClient(
    api_key=os.environ["WORKOS_API_KEY"],
    client_id="client_test",
    base_url=os.environ["WORKOS_BASE_URL"],
)
sync = client.directory_sync
seen = {}


def every(page):
    return [item.id for item in page.auto_paging_iter()]


seen["directories"] = every(sync.list_directories())
seen["users"] = []
seen["groups"] = []
for directory in seen["directories"]:
    seen["users"] += every(sync.list_users(directory=directory, limit=7))
    seen["groups"] += every(sync.list_groups(directory=directory))
seen["members"] = {group: every(sync.list_users(group=group, limit=100)) for group in seen["groups"]}

first = seen["directories"][0]
page = sync.list_users(directory=first, limit=5)
following = sync.list_users(directory=first, limit=5, after=page.list_metadata.after)
back = sync.list_users(directory=first, limit=5, before=following.data[0].id)
seen["back_is_where_it_came_from"] = [user.id for user in back.data] == [user.id for user in page.data]

seen["got"] = [sync.get_user(id).email for id in seen["users"]]
for id in seen["groups"]:
    sync.get_group(id)
for id in seen["directories"]:
    sync.get_directory(id)

try:
    sync.get_user("directory_user_01E1JG7J09H96KYP8HM9B0G5SJ")
    seen["missing"] = "found"
except workos.NotFoundError as error:
    seen["missing"] = error.status_code

events = client.events.list_events(events=["dsync.user.created", "dsync.group.user_added"])
seen["events"] = [[event.id, event.event] for event in events.data]

webhook = {
    "event_signature": os.environ["WEBHOOK_SIGNATURE"],
    "secret": os.environ["WEBHOOK_SECRET"],
}
event = client.webhooks.verify_event(event_body=os.environ["WEBHOOK_BODY"], **webhook)
seen["webhook"] = [event.id, event.event]
try:
    client.webhooks.verify_event(event_body=os.environ["WEBHOOK_BODY"] + " ", **webhook)
    seen["forged"] = "accepted"
except Exception as error:
    seen["forged"] = "refused"

for id in seen["directories"]:
    sync.delete_directory(id)
seen["left"] = len(sync.list_directories().data)
print(json.dumps(seen))
