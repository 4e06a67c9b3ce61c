//! Objects whose state cannot be read in a list: asked for by id, and after a while counted as suspended.

use super::lookup;
use super::lookup::Lookup;
use super::part::Part;
use crate::Error;
use crate::Kind;
use crate::record::EmbeddedGroups;
use crate::record::Record;
use crate::record::Table;
use crate::store::Batch;
use crate::store::Checkpoint;
use crate::store::Findings;
use crate::store::StepKey;

impl Part<'_> {
    /// Asks for each object of a step whose state could not be read. One that has been unreadable for too long gets the
    /// state [`Record::UNREADABLE`].
    pub(super) async fn ask_for_unreadable(&self, key: StepKey<'_>, table: &'static Table) -> Result<(), Error> {
        for (id, since) in self.store().unreadable_states(key).await? {
            if self.lookups().reserve(1).await? == 0 {
                return Ok(());
            }
            let (object, mut findings) = match lookup::look_up(self.client(), table, &id).await? {
                Lookup::Found(object, mut findings) => {
                    findings.released.push(id.clone());
                    (Some((object.record, object.groups)), findings)
                }
                Lookup::Unreadable(findings) => (None, findings),
                Lookup::NotFound(_) | Lookup::Undecided { .. } => (None, Findings::default()),
            };
            let is_overdue = since <= self.unreadable_before();
            let object = object.or_else(|| {
                is_overdue.then(|| {
                    let record = Record::state_alone(table, &id, Record::UNREADABLE, Some(key.directory));
                    (record, EmbeddedGroups::Untold)
                })
            });
            let batch = match object {
                Some(user) if table.kind == Kind::Users => Batch::Users(vec![user]),
                Some((record, _)) => Batch::Objects(table, vec![record]),
                None => Batch::Objects(table, Vec::new()),
            };
            findings.seen.push(id);
            let now = self.now();
            let checkpoint = Checkpoint {
                traversed: true,
                calls: 1,
                may_repeat: true,
                ..Checkpoint::default()
            };
            self.store()
                .write(key, self.held(&now), batch, &findings, checkpoint)
                .await?;
            self.tell_findings(&findings);
        }
        Ok(())
    }
}
