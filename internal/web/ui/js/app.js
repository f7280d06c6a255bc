// The entry: each module improves what is on the page and does nothing where
// its elements are missing.
import { startTheme } from "./settings.js";
import { startTimes } from "./time.js";
import { startCopy } from "./copy.js";
import { startNav } from "./nav.js";
import { startKeys } from "./keys.js";
import { startSearch } from "./search.js";
import { startCharts } from "./chart.js";
import { startHover } from "./hover.js";
import { startForms } from "./forms.js";
import { startRows } from "./rows.js";
import { startParts } from "./parts.js";
import { startTraffic } from "./traffic.js";
import { startDesktop } from "./desktop.js";
import { startStream } from "./stream.js";

startTheme();
startTimes();
startCopy();
startNav();
startKeys();
startSearch();
startCharts(document);
startHover();
startForms();
startRows();
startParts();
startTraffic();
startDesktop();
startStream();
