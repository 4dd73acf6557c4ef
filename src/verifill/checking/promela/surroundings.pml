
/*
 * What surrounds the machine. It decides which event is told, as the engine does, from what the
 * engine can know; `move` alone, written from the tables, decides where that leads. Three others
 * act at any moment: the venue, which carries out what has arrived; the power, which ends the
 * process between any two steps; and an operator, who may say something to an engine that waits.
 *
 * An order is of two units; filled in part, one of them is done. What is remembered in the log
 * outlasts a crash, what only the process knows does not.
 */
#ifndef TICKS
#define TICKS 1    /* ticks that are decided */
#endif
#ifndef ENTRIES
#define ENTRIES 2  /* entries of a plan */
#endif
#ifndef STEPS
#define STEPS 2    /* of a chain */
#endif
#ifndef SENDS
#define SENDS 2    /* of one instruction */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef COMMANDS
#define COMMANDS 1 /* of the operator */
#endif
#ifndef LIES
#define LIES 1     /* readings of positions that are wrong */
#endif
#define ASKS 2     /* questions about one order */
#define LOOKS 2    /* readings after one that does not fit */

/* What became of the order that was sent last. */
#define NONE 0     /* it never left */
#define LOST 1     /* it left, and can no longer arrive */
#define FLYING 2   /* it left, and may yet arrive */
#define RESTING 3  /* the venue has it, and it is not final */
#define WHOLE 4    /* executed */
#define PART 5     /* executed in part, and final */
#define DEAD 6     /* refused, reverted or cancelled, with nothing executed */

#define NOTHING 255 /* no event: the engine acts, and the machine is told of it later */

#define arrived (fate >= RESTING)
#define final   (fate >= WHOLE)
#define waits   (state == HALTED || state == ATOMIC__STRANDED || state == STOPPED || \
  (at__HELD && !in__ATOMIC__REHEARSE))

/* What an order is for. */
#define ALONE 0
#define DRY 1      /* on a fork: nothing comes of it */
#define FORTH 2    /* a step of a chain, or all of it */
#define BACK 3     /* takes a step back */

/* How a venue treats what it is sent again; see `Idempotency`. */
#define CLASS_K 0
#define CLASS_D 1
#define CLASS_N 2

/* The venue. */
byte fate = NONE, klass;

/* In the log. */
byte before = START;       /* the leaf in which work stands, whatever recovery did since */
bool intent, halted;       /* whether the send of SEND has its INTENT; whether a person must resume */
byte ticks, left, sends;   /* ticks so far; entries of the plan that are left; of this instruction */
byte want;                 /* units that the instruction is to move */
bool child;                /* whether it is the remainder of another */
byte at, top, effect[STEPS]; /* steps that are done; effects that are kept, and how large */
bool residue;              /* whether something stays that nobody takes back */

/* In the process. */
bool sent, wrong;          /* whether it sent in this life; whether the reading is wrong */
byte asks, looks, polls, repeats;
byte lies, crashes, commands;

/* What nobody knows, and the rules speak of. */
byte role;                 /* of the order that was sent last */
bool unseen;               /* whether something was executed and is not yet verified */
byte got;                  /* units that the instruction and its remainders have moved */
byte net;                  /* units that a chain has moved, and not yet moved back */
byte goal;                 /* units that the instruction and its remainders are to move in all */
byte plan, done;           /* entries of the plan; those that are done */

/* Something is executed at the venue, in truth. */
inline executes(units) {
  if
  :: role != DRY ->
     got = got + units; unseen = true;
     assert(got <= goal) /* never two effects of one instruction */
  :: else
  fi;
  if
  :: role == FORTH -> net = net + units
  :: role == BACK -> assert(net >= units); net = net - units
  :: else
  fi
}

inline becomes_final() {
  if
  :: fate = WHOLE; executes(want)
  :: want == 2 -> fate = PART; executes(1)
  :: fate = DEAD
  fi
}

inline begins(units, remainder) {
  want = units; child = remainder; sends = 1; intent = false; sent = false;
  asks = 0; looks = 0; polls = 0; repeats = 0; wrong = false;
  if
  :: remainder
  :: else -> got = 0; goal = units
  fi;
  assert(fate != FLYING && fate != RESTING); /* never two in flight */
  fate = NONE
}

inline intends() {
  intent = true;
  if
  :: in__INSTRUCTION -> role = ALONE
  :: in__ATOMIC__REHEARSE -> role = DRY
  :: in__ATOMIC__STEP || in__ATOMIC__COMMIT -> role = FORTH
  :: in__ATOMIC__COMPENSATE -> role = BACK
  fi
}

inline sends_order() {
  assert(intent);                            /* no effect without a durable intent */
  assert(at__SEND && !waits);                /* HELD, STRANDED and HALTED send nothing */
  assert(fate != FLYING && fate != RESTING); /* never two in flight */
  assert(fate != WHOLE && fate != PART);     /* never again what was executed */
  sent = true;
  if
  :: fate = LOST
  :: fate = FLYING
  :: fate = RESTING
  :: becomes_final()
  fi
}

/* The newest effect is taken back, if there is one: the event is chosen, and not yet told. */
inline turns_back() {
  if
  :: top > 0 && effect[top - 1] > 0 -> begins(effect[top - 1], false); event = on_compensate
  :: top > 0 -> top--; effect[top] = 0; residue = true; event = on_strand /* a pivot */
  :: top == 0 && residue -> event = on_strand
  :: top == 0 && !residue -> event = on_rolled_back
  fi
}

inline keeps_effect() {
  if
  :: child -> effect[top - 1] = effect[top - 1] + got_now
  :: else -> effect[top] = got_now; top++
  fi
}
byte got_now; /* what the leg that ends has moved, as it was verified */

inline stepped() {
  got_now = want; keeps_effect(); at++;
  if
  :: turns_back() /* a risk, a broken invariant, an operator */
  :: at < STEPS -> begins(2, false); event = on_step
  :: at == STEPS -> event = on_committed
  fi
}

inline unstepped_in_part() {
  got_now = 1; keeps_effect();
  if
  :: !child -> begins(1, true); event = on_step
  :: turns_back()
  fi
}

inline compensated() {
  top--; effect[top] = 0; turns_back()
}

inline uncompensated_in_part() {
  effect[top - 1] = 1;
  if
  :: !child -> begins(1, true); event = on_compensate
  :: event = on_strand
  fi
}

inline mismatched_back() { /* not proven: never tried again */
  top--; effect[top] = 0; residue = true; event = on_strand
}

/* The next entry of the plan, or its end. */
inline goes_on() {
  if
  :: left == 0 -> event = on_complete
  :: left > 0 -> left--; begins(2, false); event = on_instruct
  :: left > 0 -> left--; at = 0; top = 0; net = 0; residue = false; begins(2, false); event = on_begin
  :: event = on_fail /* a risk */
  fi
}

/* What the tight loop tells, in any of the places where it is held. */
inline tight() {
  if
  :: at__SEND && !intent -> if :: intends(); event = NOTHING :: event = on_denied fi
  :: at__SEND && intent && !sent -> sends_order(); event = NOTHING
  :: at__SEND && intent && sent ->
     if
     :: arrived && fate != DEAD -> event = on_accepted
     :: fate == DEAD -> event = on_refused
     :: event = on_unknown
     fi

  :: at__AWAIT_POSITION ->
     if
     :: final || fate == NONE || fate == LOST ->
        event = on_observed;
        if
        :: wrong = false
        :: lies < LIES -> lies++; wrong = true
        fi
     :: polls == 0 -> polls++; event = on_pending
     :: event = on_overdue
     fi

  :: at__RECONCILE ->
     assert(fate != FLYING && fate != RESTING);
     if
     :: !wrong && fate == WHOLE -> unseen = false; event = on_matched
     :: !wrong && fate == PART -> unseen = false; event = on_partial
     :: !wrong && fate < FLYING || !wrong && fate == DEAD -> event = on_unexecuted
     :: wrong -> event = on_mismatched
     :: wrong && fate == DEAD -> event = on_contradicted
     fi

  :: at__RETRY__QUERY ->
     if
     :: asks < ASKS ->
        asks++;
        if
        :: arrived -> event = on_found
        :: fate == DEAD -> event = on_absent
        :: (fate == NONE || fate == LOST) && klass == CLASS_D -> event = on_absent
        :: klass == CLASS_K && !arrived && repeats == 0 ->
           repeats++; event = on_repeat;
           if
           :: fate == NONE || fate == LOST -> fate = FLYING
           :: else
           fi
        :: fate == RESTING -> event = on_recall; if :: becomes_final() :: true fi
        :: event = on_unknown
        fi
     :: else -> event = on_exhausted
     fi

  :: at__RETRY__OBSERVE ->
     if
     :: looks < LOOKS -> looks++; event = on_observe
     :: event = on_exhausted
     fi

  :: at__RETRY__RESEND ->
     if
     :: sends < SENDS -> sends++; intent = false; sent = false; asks = 0; event = on_resend
     :: event = on_exhausted
     fi
  fi
}

/* Where a chain goes on after a crash; what was claimed as rolled back is abandoned then. */
inline takes_up_chain() {
  if
  :: before == ATOMIC__BEGIN -> event = on_abandon
  :: before >= ATOMIC__REHEARSE__SEND && before <= ATOMIC__REHEARSE__FAILED__MISMATCH -> fate = NONE; event = on_abandon
  :: before == ATOMIC__COMMIT__FAILED__PART || before == ATOMIC__COMMIT__FAILED__MISMATCH -> event = on_strand
  :: before == ATOMIC__COMMIT__DONE -> event = on_committed
  :: before == ATOMIC__COMMIT__SEND || before == ATOMIC__COMMIT__FAILED__CLEAN ||
       before == ATOMIC__COMMIT__RETRY__RESEND -> event = on_abandon
  :: before == ATOMIC__STEP__SEND -> event = on_step
  :: before == ATOMIC__STEP__DONE -> stepped()
  :: before == ATOMIC__STEP__FAILED__PART -> unstepped_in_part()
  :: before == ATOMIC__STEP__FAILED__MISMATCH -> residue = true; event = on_strand
  :: before == ATOMIC__STEP__FAILED__CLEAN || before == ATOMIC__STEP__RETRY__RESEND -> turns_back()
  :: before == ATOMIC__COMPENSATE__SEND || before == ATOMIC__COMPENSATE__RETRY__RESEND ->
     begins(want, child); event = on_compensate
  :: before == ATOMIC__COMPENSATE__DONE -> compensated()
  :: before == ATOMIC__COMPENSATE__FAILED__PART -> uncompensated_in_part()
  :: before == ATOMIC__COMPENSATE__FAILED__MISMATCH -> mismatched_back()
  :: before == ATOMIC__COMPENSATE__FAILED__CLEAN -> event = on_strand
  :: before == ATOMIC__STRANDED -> event = on_strand
  fi;
  if
  :: event == on_rolled_back -> event = on_abandon
  :: else
  fi
}

inline recovers() {
  if
  :: halted || before == INSTRUCTION__FAILED__MISMATCH -> halted = true; event = on_blocked
  :: else ->
     if
     :: was_open__INSTRUCTION || (before == INSTRUCTION__SEND && intent) -> event = on_resolve_instruction
     :: was_open__ATOMIC__STEP || (before == ATOMIC__STEP__SEND && intent) -> event = on_resolve_step
     :: was_open__ATOMIC__COMMIT || (before == ATOMIC__COMMIT__SEND && intent) -> event = on_resolve_commit
     :: was_open__ATOMIC__COMPENSATE || (before == ATOMIC__COMPENSATE__SEND && intent) ->
        event = on_resolve_compensation
     :: else ->
        if
        :: before >= ATOMIC__BEGIN && before <= ATOMIC__STRANDED -> takes_up_chain()
        :: else -> event = on_recovered
        fi
     fi
  fi
}

/* The event is told to the machine, if there is one; what is durable follows. */
inline told() {
  if
  :: event != NOTHING ->
     move();
     if
     :: state != START && state != RECOVER && state != COMPLETE && state != FAILED && state != STOPPED &&
       event != on_blocked -> before = state
     :: else
     fi
  :: else
  fi
}

active proctype Engine() {
  atomic {
    if
    :: klass = CLASS_K
    :: klass = CLASS_D
    :: klass = CLASS_N
    fi
  };
end_waits:
  do
  :: atomic {
    !waits ->
    event = NOTHING;
    if
    :: state == START -> event = on_recover
    :: state == RECOVER -> recovers()

    :: state == IDLE ->
       assert(fate != FLYING && fate != RESTING && !unseen); /* nothing is lost */
       if
       :: ticks < TICKS -> ticks++; event = on_tick
       :: ticks < TICKS -> ticks++; event = on_skip
       :: ticks == TICKS -> event = on_finish
       :: halted = true; event = on_halt
       fi
    :: state == DECIDE ->
       done = 0;
       if
       :: left = 0
       :: left = ENTRIES
       fi;
       plan = left;
       goes_on()

    :: state == INSTRUCTION__DONE -> done++; goes_on()
    :: state == INSTRUCTION__FAILED__CLEAN -> event = on_fail
    :: state == INSTRUCTION__FAILED__PART ->
       if
       :: !child -> begins(1, true); event = on_instruct
       :: event = on_fail
       fi
    :: state == INSTRUCTION__FAILED__MISMATCH -> halted = true; event = on_hold

    :: state == ATOMIC__BEGIN ->
       if
       :: event = on_rehearse
       :: event = on_step
       :: event = on_abandon
       fi
    :: state == ATOMIC__REHEARSE__DONE ->
       at++; begins(2, false);
       if
       :: at < STEPS -> event = on_rehearse
       :: at == STEPS -> event = on_commit
       :: fate = NONE; event = on_abandon /* a risk */
       fi
    :: in__ATOMIC__REHEARSE && (at__FAILED__CLEAN || at__FAILED__PART || at__FAILED__MISMATCH || at__HELD) ->
       fate = NONE; event = on_abandon
    :: state == ATOMIC__COMMIT__DONE -> event = on_committed
    :: state == ATOMIC__COMMIT__FAILED__CLEAN -> event = on_rolled_back
    :: state == ATOMIC__COMMIT__FAILED__PART -> residue = true; event = on_strand
    :: state == ATOMIC__COMMIT__FAILED__MISMATCH -> residue = true; event = on_strand
    :: state == ATOMIC__STEP__DONE -> stepped()
    :: state == ATOMIC__STEP__FAILED__PART -> unstepped_in_part()
    :: state == ATOMIC__STEP__FAILED__CLEAN -> turns_back()
    :: state == ATOMIC__STEP__FAILED__MISMATCH -> residue = true; event = on_strand
    :: state == ATOMIC__COMPENSATE__DONE -> compensated()
    :: state == ATOMIC__COMPENSATE__FAILED__PART -> uncompensated_in_part()
    :: state == ATOMIC__COMPENSATE__FAILED__MISMATCH -> mismatched_back()
    :: state == ATOMIC__COMPENSATE__FAILED__CLEAN -> event = on_strand
    :: state == ATOMIC__COMMITTED -> done++; goes_on()
    :: state == ATOMIC__ROLLED_BACK ->
       assert(net == 0); /* it claims that nothing is left */
       event = on_fail

    :: state == COMPLETE ->
       assert(done == plan); /* nothing was skipped */
       event = on_rest
    :: state == FAILED ->
       if
       :: event = on_rest
       :: halted = true; event = on_stop
       fi

    :: else -> tight()
    fi;
    told()
  }
  od
}

active proctype Venue() {
end_rests:
  do
  :: atomic { fate == FLYING -> if :: fate = RESTING :: fate = LOST :: becomes_final() fi }
  :: atomic { fate == RESTING -> becomes_final() }
  od
}

active proctype Power() {
end_holds:
  do
  :: atomic {
    crashes < CRASHES && state != STOPPED && state != START ->
    crashes++;
    state = START; sent = false; wrong = false; asks = 0; looks = 0; polls = 0; repeats = 0
  }
  od
}

active proctype Operator() {
end_silent:
  do
  :: atomic {
    commands < COMMANDS && waits && state != STOPPED ->
    commands++;
    event = NOTHING;
    if
    :: at__HELD -> asks = 0; event = on_ask
    :: at__HELD && arrived -> event = on_adopted
    :: at__HELD && (fate == NONE || fate == LOST || fate == DEAD) -> event = on_voided
    :: state == ATOMIC__STRANDED && top > 0 && effect[top - 1] > 0 ->
       begins(effect[top - 1], false); event = on_compensate
    :: state == ATOMIC__STRANDED -> halted = true; event = on_settled
    :: state == HALTED -> halted = false; unseen = false; before = IDLE; event = on_resume
    :: state == HALTED -> event = on_finish
    fi;
    told()
  }
  od
}
