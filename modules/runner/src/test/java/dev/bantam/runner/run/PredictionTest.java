package dev.bantam.runner.run;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What would not fit is refused with the arithmetic, before anything is written. */
class PredictionTest {
  private static final Prediction NEEDS =
      new Prediction(3_000_000_000L, 1_000_000_000L, 20_000_000_000L, 1e12);

  @Test
  void whatFitsExactlyIsAccepted() {
    assertDoesNotThrow(() -> NEEDS.check(3_000_000_000L, 1_000_000_000L, 20_000_000_000L));
  }

  @Test
  void tooLittleMemoryIsRefused() {
    assertMessage(
        refused(2_999_999_999L, Long.MAX_VALUE, Long.MAX_VALUE),
        "3.0 GB of memory",
        "model or batch");
  }

  @Test
  void tooSmallAHeapIsRefused() {
    assertMessage(
        refused(Long.MAX_VALUE, 512_000_000L, Long.MAX_VALUE),
        "1.0 GB of Java heap",
        "are 512.0 MB",
        "BANTAM_JAVA_OPTS=-Xmx");
  }

  @Test
  void tooLittleDiskIsRefused() {
    assertMessage(
        refused(Long.MAX_VALUE, Long.MAX_VALUE, 1_500_000_000L),
        "20.0 GB of disk",
        "are 1.5 GB",
        "-o");
  }

  @Test
  void bothAreToldInOneGo() {
    assertMessage(refused(0, Long.MAX_VALUE, 0), "3.0 GB of memory", "20.0 GB of disk");
  }

  private static String refused(long memory, long heap, long disk) {
    final BantamException refusal =
        assertThrows(BantamException.class, () -> NEEDS.check(memory, heap, disk));
    assertEquals(ExitCode.WOULD_NOT_FIT, refusal.exitCode());
    assertEquals(6, refusal.exitCode().code());
    return refusal.getMessage();
  }

  private static void assertMessage(String message, String... fragments) {
    for (String fragment : List.of(fragments)) {
      assertTrue(message.contains(fragment), message);
    }
  }
}
