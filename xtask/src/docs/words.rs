//! Descriptions: Markdown in the document, HTML on the page.

use maud::Markup;
use maud::PreEscaped;
use pulldown_cmark::Event;
use pulldown_cmark::Parser;
use pulldown_cmark::Tag;
use pulldown_cmark::TagEnd;

/// A description of any length.
pub(super) fn block(text: &str) -> Markup {
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, Parser::new(text).filter_map(harmless));
    PreEscaped(html)
}

/// A description within a line or a cell, without a paragraph around it.
pub(super) fn line(text: &str) -> Markup {
    let events = Parser::new(text).filter_map(harmless);
    let events = events.filter(|event| !matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph)));
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, events);
    PreEscaped(html)
}

/// HTML becomes the text that it is; a link or an image may lead anywhere, so only its words stay.
fn harmless(event: Event<'_>) -> Option<Event<'_>> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock) => None,
        Event::End(TagEnd::Link | TagEnd::Image | TagEnd::HtmlBlock) => None,
        event => Some(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_rendered_and_html_is_shown() {
        assert_eq!(
            block("One `x`.\n\n- a\n- b").into_string(),
            "<p>One <code>x</code>.</p>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"
        );
        let shown = line("a <script>alert(1)</script> [b](javascript:alert(1)) & `<i>`").into_string();
        assert_eq!(
            shown,
            "a &lt;script&gt;alert(1)&lt;/script&gt; b &amp; <code>&lt;i&gt;</code>"
        );
        assert!(!block("<script>\nalert(1)\n</script>").into_string().contains("<script"));
    }
}
