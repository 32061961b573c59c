// What every page needs: loaded by base.html, each module looks after one thing.
import "./theme.js";
import "./zone.js";
import "./menu.js";
import "./dialog.js";
import "./pictures.js";
import "./shortcuts.js";
import "./toast.js";
import "./live.js";
import "./notices.js";
