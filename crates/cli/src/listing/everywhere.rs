//! A list without a scope, which the API refuses: that of each directory, one after the other.

use futures_util::FutureExt as _;
use workos_directory_sync::Client;
use workos_directory_sync::Error;
use workos_directory_sync::builder::ListDirectories;
use workos_directory_sync::pages::Items;
use workos_directory_sync::pages::ListRequest;

use super::Source;
use super::Walk;
use crate::failure::Failure;

/// Makes the request of one directory, from a cursor on.
type Request<R> = Box<dyn Fn(&str, Option<&str>) -> R>;

/// The objects of all directories, in the order of the directories.
///
/// It goes on from `DIRECTORY:CURSOR`; without a cursor behind the colon that directory is complete.
pub(crate) struct Everywhere<R: ListRequest> {
    directories: Items<ListDirectories>,
    request: Request<R>,
    /// Whether an object is of the directory that was asked for: a server may not filter.
    belongs: fn(&R::Item, &str) -> bool,
    /// The directory to go on with, and from where in it; directories before it are skipped.
    start: Option<(String, Option<String>)>,
    current: Option<(String, Items<R>)>,
    /// Whether there was a page behind the current directory's first one.
    has_turned: bool,
    /// The last directory that is complete.
    complete: Option<String>,
}

impl<R: ListRequest> Everywhere<R> {
    pub(crate) fn new(
        client: &Client,
        walk: &Walk,
        request: impl Fn(&str, Option<&str>) -> R + 'static,
        belongs: fn(&R::Item, &str) -> bool,
    ) -> Result<Self, Failure> {
        let mut directories = client.list_directories();
        if let Some(order) = walk.order() {
            directories = directories.order(order);
        }
        let start = match walk.after() {
            None => None,
            Some(place) => {
                let (directory, cursor) = place
                    .split_once(':')
                    .filter(|(directory, _)| !directory.is_empty())
                    .ok_or_else(|| {
                        Failure::usage(format!(
                            "`--after {place}` is no place in the list of all directories, which is DIRECTORY:CURSOR; \
                             with `--directory ID` it is the cursor alone"
                        ))
                    })?;
                Some((
                    directory.to_owned(),
                    Some(cursor.to_owned()).filter(|cursor| !cursor.is_empty()),
                ))
            }
        };
        Ok(Self {
            directories: directories.stream(),
            request: Box::new(request),
            belongs,
            start,
            current: None,
            has_turned: false,
            complete: None,
        })
    }

    /// Begins with a directory that was listed, unless it comes before the place to go on from.
    fn enter(&mut self, directory: String) {
        self.has_turned = false;
        match self.start.take() {
            None => {
                let items = Items::new((self.request)(&directory, None));
                self.current = Some((directory, items));
            }
            Some((wanted, Some(cursor))) if wanted == directory => {
                let items = Items::new((self.request)(&directory, Some(&cursor)));
                self.current = Some((directory, items));
            }
            Some((wanted, None)) if wanted == directory => self.complete = Some(directory),
            before => self.start = before,
        }
    }
}

impl<R: ListRequest> Source<R::Item> for Everywhere<R> {
    async fn next(&mut self) -> Option<Result<R::Item, Error>> {
        loop {
            if let Some((directory, items)) = &mut self.current {
                let item = items.next().await;
                self.has_turned |= items.cursor().is_some();
                match item {
                    Some(Ok(item)) if !(self.belongs)(&item, directory) => continue,
                    Some(item) => return Some(item),
                    None => self.complete = self.current.take().map(|(directory, _)| directory),
                }
            }
            match self.directories.next().await? {
                Ok(directory) => self.enter(directory.id),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn cursor(&self) -> Option<String> {
        if let Some((directory, items)) = &self.current {
            match items.cursor() {
                Some(cursor) => return Some(format!("{directory}:{cursor}")),
                // Its last page is over.
                None if self.has_turned => return Some(format!("{directory}:")),
                // Its first page is in hand: the directory before it is the last that is complete.
                None => return self.complete.as_ref().map(|directory| format!("{directory}:")),
            }
        }
        let complete = self.complete.as_ref().map(|directory| format!("{directory}:"));
        complete.or_else(|| {
            let (directory, cursor) = self.start.as_ref()?;
            Some(format!("{directory}:{}", cursor.as_deref().unwrap_or_default()))
        })
    }

    fn ready(&mut self) -> Option<Option<Result<R::Item, Error>>> {
        let (_, items) = self.current.as_mut()?;
        match items.next().now_or_never()? {
            // The next directory is not in hand.
            None => {
                self.complete = self.current.take().map(|(directory, _)| directory);
                None
            }
            item => Some(item),
        }
    }

    fn verdict(&self) -> Result<(), Failure> {
        match &self.start {
            Some((directory, _)) => Err(Failure::other(format!(
                "the list cannot go on from `--after`: there is no directory `{directory}` any more"
            ))),
            None => Ok(()),
        }
    }
}
