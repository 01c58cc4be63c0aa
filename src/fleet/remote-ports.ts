/** Ports of a worker whose other side is in the primary. */
import { assert } from '../core/assert.ts';
import type { Facts } from '../core/facts.ts';
import type { Log } from '../core/log.ts';
import type { Settings } from '../core/settings.ts';
import type { Admission } from '../http/admission.ts';
import type { CallServices } from '../http/services.ts';
import type { Line } from './line.ts';
import { packLine } from './packed-error.ts';

/** Asks the primary, which decides and holds; what it answers with is durable. */
export function remoteAdmission(line: Line): Admission {
  return async ({ request, counts }) => {
    // The body stays here; JSON leaves out what is undefined.
    const head = { ...request, body: undefined, rawBody: undefined };
    const admitted = await line.ask(request.id, { is: 'ask', request: head, counts: [...counts] });
    assert(admitted !== null, 'a first ask is answered with a hold or a refusal');
    return admitted;
  };
}

export function remoteLedger(line: Line): CallServices['ledger'] {
  return {
    settle: (holdId, charge, note) => line.end({ is: 'settle', holdId, charge, note }),
    release: (holdId, note) => line.end({ is: 'release', holdId, note }),
    suspend: (holdId, note) => line.end({ is: 'suspend', holdId, note }),
    totals: () => line.standing.totals,
    caughtUp: () => line.caughtUp(),
  };
}

export function remoteFacts(line: Line): Facts {
  return {
    tokensCounted: (fact) => line.mention({ is: 'tokensCounted', fact }),
    inputMeasured: (fact) => line.mention({ is: 'inputMeasured', fact }),
    attemptBegan: (fact) => line.mention({ is: 'attemptBegan', fact }),
    attemptEnded: (fact) => line.mention({ is: 'attemptEnded', fact }),
    requestEnded: (fact) => line.tell({ is: 'requestEnded', fact }),
  };
}

/** Estimates are corrected where requests are admitted, from what all workers see. */
export function remoteCalibration(line: Line): CallServices['calibration'] {
  return { learn: (sample) => line.mention({ is: 'learned', sample }) };
}

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** One process writes the log, so that lines do not tear and one file is enough. */
export function remoteLog(level: Settings['logging']['level'], line: Line): Log {
  const writer = (own: (typeof LEVELS)[number]): Log['info'] =>
    LEVELS.indexOf(own) > LEVELS.indexOf(level)
      ? () => undefined
      : (message, fields) =>
          line.mention({ is: 'logged', line: packLine(own, message, fields ?? {}) });
  return {
    error: writer('error'),
    warn: writer('warn'),
    info: writer('info'),
    debug: writer('debug'),
  };
}
