//! What a person does to a page with hands: typing, picking, dropping, pasting. It decides nothing about what follows.

use std::path::Path;

use fantoccini::Locator;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::Browser;

impl Browser {
    /// Writes into a field, instead of what is in it.
    pub(crate) async fn write(&self, selector: &str, text: &str) -> Result<(), Failed> {
        let field = self.page.find(Locator::Css(selector)).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// Presses keys, one after the other, wherever the keyboard is.
    pub(crate) async fn press(&self, keys: &str) -> Result<(), Failed> {
        Ok(self.page.active_element().await?.send_keys(keys).await?)
    }

    /// Picks files or a folder with the picker of a field.
    pub(crate) async fn pick(&self, selector: &str, files: &[&Path]) -> Result<(), Failed> {
        let paths: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        Ok(self.page.find(Locator::Css(selector)).await?.send_keys(&paths.join("\n")).await?)
    }

    /// Drags files or folders of the disk over the page.
    pub(crate) async fn drag(&self, files: &[&Path]) -> Result<(), Failed> {
        self.dragging("dragEnter", files).await?;
        self.dragging("dragOver", files).await
    }

    /// Drags them there and drops them.
    pub(crate) async fn drop(&self, files: &[&Path]) -> Result<(), Failed> {
        self.drag(files).await?;
        self.dragging("drop", files).await
    }

    async fn dragging(&self, what: &str, files: &[&Path]) -> Result<(), Failed> {
        let files: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
        // 1: to be copied.
        let data = json!({ "items": [], "files": files, "dragOperationsMask": 1 });
        self.devtools("Input.dispatchDragEvent", json!({ "type": what, "x": 100, "y": 300, "data": data })).await?;
        Ok(())
    }

    /// Pastes text, where no field has the keyboard.
    pub(crate) async fn paste(&self, text: &str) -> Result<(), Failed> {
        let script = "
            document.activeElement.blur();
            const clipboardData = new DataTransfer();
            clipboardData.setData('text/plain', arguments[0]);
            const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event);";
        self.run(script, &[json!(text)]).await?;
        Ok(())
    }

    /// Runs a script in the page, and answers what it returns.
    pub(crate) async fn run(&self, script: &str, arguments: &[Value]) -> Result<Value, Failed> {
        Ok(self.page.execute(script, arguments.to_vec()).await?)
    }
}
