/** A running gateway as the inspector page sees it, put together from its ports. */
import type { RequestHandler } from 'express';
import type { BillingCycle } from '../core/billing-period.ts';
import type { Clock } from '../core/clock.ts';
import type { ControlPlane } from '../core/control.ts';
import type { RequestEnded } from '../core/facts.ts';
import type { ActorJournal } from '../core/inspection.ts';
import type { LedgerAdmin } from '../core/ledger.ts';
import type { Log } from '../core/log.ts';
import type { InspectedGateway } from './inspector-routes.ts';
import { inspectorView, type AnswerRow } from './inspector-view.ts';

interface GatewayPorts {
  readonly clock: Clock;
  /** Real time, for the pace of the stream. */
  readonly ioClock: Clock;
  readonly cycle: BillingCycle;
  readonly journal: ActorJournal;
  readonly control: ControlPlane;
  readonly ledger: Pick<LedgerAdmin, 'totals'>;
  readonly observation: {
    /** Requests that ended, newest first. */
    recent(): readonly RequestEnded[];
    subscribe(listener: () => void): () => void;
  };
  readonly log: Log;
  readonly guard: RequestHandler;
}

function answerRow(fact: RequestEnded): AnswerRow {
  return {
    atMs: fact.atMs,
    model: fact.modelRequested,
    modelServed: fact.modelServed,
    backend: fact.backend,
    backendKind: fact.backendKind,
    reason: fact.routeReason,
    status: fact.status,
    code: fact.errorCode,
    message: null,
    costNano: fact.cost,
  };
}

export function inspectedGateway(ports: GatewayPorts): InspectedGateway {
  const { clock, ioClock, cycle, journal, control, ledger, observation, log, guard } = ports;
  return {
    view() {
      const nowMs = clock.now();
      // A view after a boundary shows the new month, also when no request has come since.
      control.noticeTime(nowMs);
      return inspectorView({
        nowMs,
        policy: control.policy(),
        cycle,
        period: control.period(),
        totals: ledger.totals(),
        actors: journal.actors(),
        records: journal.records(),
        answers: observation.recent().map(answerRow),
      });
    },
    subscribe(listener) {
      const leave = [journal.subscribe(listener), observation.subscribe(listener)];
      return () => {
        for (const each of leave) each();
      };
    },
    clock: ioClock,
    log,
    guard,
  };
}
