/** The client, as a `<script>` or `require` sees it: the function `io`, with everything else in it. */

import * as everything from "./index";

/** What the script is for others; the build declares it. */
declare let exported: unknown;

exported = Object.assign(everything.io, everything);
