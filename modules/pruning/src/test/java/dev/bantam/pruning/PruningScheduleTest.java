package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.bantam.compression.StepLog;
import dev.bantam.pruning.PruningSchedule.Rewind;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PruningScheduleTest {
  /** The cubic of the published recipes: seven events at epochs 2, 6, ..., 26 of 30. */
  @ParameterizedTest
  @CsvSource({
    "0.7, 0.9, .70000 .78426 .84074 .87500 .89259 .89907 .90000",
    "0.7, 0.97, .70000 .81375 .89000 .93625 .96000 .96875 .97000",
    "0.3, 0.9, .30000 .55278 .72222 .82500 .87778 .89722 .90000"
  })
  void cubic(double from, double to, String expected) {
    final PruningSchedule schedule =
        new PruningSchedule(from, to, 7, 2 / 30.0, 26 / 30.0, Rewind.EVENTS, 0.1);
    final String[] values = expected.trim().split(" ");
    for (int event = 0; event < 7; event++) {
      assertEquals(Double.parseDouble(values[event]), schedule.sparsity(event), 5e-6);
      assertEquals(100L * (2 + 4 * event), schedule.update(event, 3000));
    }
  }

  /** 8e-5 to 8e-6 in every cycle, up again with each event, and to nothing in the last one. */
  @Test
  void ratesAreRewound() {
    final PruningSchedule every = new PruningSchedule(0.7, 0.9, 3, 0.2, 0.6, Rewind.EVENTS, 0.1);
    check(every, 1, 0.55, 1, 0.55, 1, 0.55, 1, 0.75, 0.5, 0.25);
    final PruningSchedule last = new PruningSchedule(0.7, 0.9, 3, 0, 0.5, Rewind.LAST, 0.25);
    check(last, 1, 0.85, 0.7, 0.55, 0.4, 1, 0.8, 0.6, 0.4, 0.2);
    final PruningSchedule never = new PruningSchedule(0.7, 0.9, 3, 0, 0.5, Rewind.NONE, 0.25);
    check(never, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1);
    check(PruningSchedule.once(0.5), 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1);
  }

  private static void check(PruningSchedule schedule, double... factors) {
    for (int update = 0; update < factors.length; update++) {
      assertEquals(
          factors[update],
          schedule.rates(factors.length).factor(update),
          1e-12,
          schedule + " at " + update);
    }
  }

  /** With fewer updates than events several come before the same one, the last before the last. */
  @Test
  void shortTrainings() {
    final PruningSchedule schedule = new PruningSchedule(0.1, 0.9, 5, 0, 0.99, Rewind.EVENTS, 0.3);
    assertEquals(0, schedule.update(0, 1));
    assertEquals(0, schedule.last(1));
    assertEquals(1, schedule.rates(1).factor(0));
    assertEquals(1, schedule.last(2));
  }

  @Test
  void notesComeBackBitByBit() {
    final List<StepLog.Event> events =
        List.of(
            new StepLog.Event(
                1, 0.1 + 0.2, OptionalDouble.empty(), OptionalDouble.empty(), Map.of()),
            new StepLog.Event(
                2,
                0.5,
                OptionalDouble.of(1e-310),
                OptionalDouble.of(Math.PI),
                Map.of("encoder.layer.0.a=b.weight", -0.0, "c", 1 / 3.0)));
    assertEquals(events, EventNotes.read(EventNotes.write(events)));
    assertEquals(List.of(), EventNotes.read(EventNotes.write(List.of())));
  }

  @Test
  void nonsenseIsRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> new PruningSchedule(0.5, 0.4, 2, 0, 0.5, Rewind.LAST, 0.3));
    assertThrows(
        IllegalArgumentException.class,
        () -> new PruningSchedule(0.5, 0.8, 2, 0.6, 0.5, Rewind.LAST, 0.3));
  }
}
