/** The control plane reports a fault of its listeners as a warning of the process. A browser has no process. */
export function lendProcess() {
  globalThis.process ??= {
    emitWarning(warning) {
      reportError(warning instanceof Error ? warning : new Error(warning));
    },
  };
}
