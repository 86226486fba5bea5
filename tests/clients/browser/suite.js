// All tests, in one process, for they share one browser.

import "./call.test.js";
import "./recovery.test.js";
import "./leaving.test.js";
