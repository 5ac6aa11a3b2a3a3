//! Further tabs of one browser, and the network they think they have.

use fantoccini::wd::WindowHandle;
use libtest_mimic::Failed;
use serde_json::json;

use super::Browser;

impl Browser {
    /// The tab that is looked at.
    pub(crate) async fn tab(&self) -> Result<WindowHandle, Failed> {
        Ok(self.page.window().await?)
    }

    /// Opens another tab and looks at it.
    pub(crate) async fn new_tab(&self) -> Result<WindowHandle, Failed> {
        let tab = self.page.new_window(true).await?.handle;
        self.look_at(&tab).await?;
        Ok(tab)
    }

    /// Looks at this tab; the others stay open behind it.
    pub(crate) async fn look_at(&self, tab: &WindowHandle) -> Result<(), Failed> {
        Ok(self.page.switch_to_window(tab.clone()).await?)
    }

    /// Closes this tab, as a crash or an impatient person does: nobody asks whether it may.
    pub(crate) async fn close_tab(&self, tab: &WindowHandle) -> Result<(), Failed> {
        self.look_at(tab).await?;
        Ok(self.page.close_window().await?)
    }

    /// Takes the network from the tab that is looked at, or gives it back.
    pub(crate) async fn network(&self, is_there: bool) -> Result<(), Failed> {
        self.devtools("Network.enable", json!({})).await?;
        let conditions =
            json!({ "offline": !is_there, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.devtools("Network.emulateNetworkConditions", conditions).await?;
        Ok(())
    }

    /// Makes the network of the tab that is looked at this slow, in bytes a second.
    pub(crate) async fn slow_network(&self, bytes: u32) -> Result<(), Failed> {
        self.devtools("Network.enable", json!({})).await?;
        let conditions =
            json!({ "offline": false, "latency": 0, "downloadThroughput": bytes, "uploadThroughput": bytes });
        self.devtools("Network.emulateNetworkConditions", conditions).await?;
        Ok(())
    }
}
