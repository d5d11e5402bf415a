package dev.bantam.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CellRecordTest {
  private static final String KEY = "ab".repeat(32);

  @TempDir Path folder;

  private static CellRecord record() {
    final Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("mcc", 0.1 + 0.2);
    metrics.put("accuracy", 2e-3);
    metrics.put("loss", Double.MIN_VALUE);
    final StoredSize size =
        new StoredSize(
            3_000_000_000L,
            2_000_000_000L,
            700,
            1000,
            List.of(
                new SizePart("encoder", "codes", 600),
                new SizePart("encoder", "zero-points", 100),
                new SizePart("file", "header", 300)),
            KEY);
    final StepRecord step =
        new StepRecord(
            "quantize",
            "rtn",
            Json.object().put("bits", 4L).put("ratio", 0.1f).put("scheme", "symmetric"),
            List.of(
                new TensorRecord("a.weight", "4 bit", 0.125, 700, 1 / 3.0, OptionalInt.of(4)),
                new TensorRecord("b.weight", "left alone", 0, 0, 0, OptionalInt.empty())));
    return CellRecord.ok(
        new CellId("e", "m", "t \u00e9\u4e2d", "rtn-int4", Long.MIN_VALUE, 2, "dev"),
        KEY,
        new CellResult(
            "accuracy",
            metrics,
            7,
            size,
            0.1,
            OptionalDouble.of(2.5),
            List.of(step),
            List.of("mcc undefined: \"all predictions are the same\"")));
  }

  @Test
  void readingGivesTheSameRecordAndTheSameBytes() throws Exception {
    final Path file = folder.resolve("result.json");
    final Path again = folder.resolve("again.json");
    record().write(file);
    final CellRecord read = CellRecord.read(file);
    assertEquals(record(), read);
    assertEquals(
        List.copyOf(record().result().get().metrics().keySet()),
        List.copyOf(read.result().get().metrics().keySet()),
        "order of metrics");
    read.write(again);
    assertEquals(-1, Files.mismatch(file, again));
    final String text = Files.readString(file);
    assertTrue(text.endsWith("}\n") && !text.contains("\r"));
    assertTrue(text.contains("0.30000000000000004"), text);
  }

  @Test
  void keysStandInTheDocumentedOrder() throws Exception {
    final Path file = folder.resolve("result.json");
    record().write(file);
    assertEquals(
        "version experiment model task variant seed draw split key status primary metrics examples"
            + " dense_parameters encoder_elements encoder_bytes bytes sizes sha256 sparsity bits"
            + " steps notes",
        keys(file));
    CellRecord.failed(record().cell(), KEY, "out of \"memory\"\n\tat x").write(file);
    assertEquals(
        "version experiment model task variant seed draw split key status error", keys(file));
    assertEquals("out of \"memory\"\n\tat x", CellRecord.read(file).error().get());
  }

  private static String keys(Path file) throws Exception {
    final var names = new ObjectMapper().readTree(file.toFile()).fieldNames();
    final StringBuilder keys = new StringBuilder();
    names.forEachRemaining(name -> keys.append(keys.isEmpty() ? "" : " ").append(name));
    return keys.toString();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"draw\" : 2|\"draw\" : 0|counted from 1",
        "\"seed\" : -9223372036854775808|\"seed\" : 1.5|key 'seed' is 1.5",
        "\"bytes\" : 1000|\"bytes\" : 1001|add up to 1000 and the file has 1001",
        "\"group\" : \"file\"|\"group\" : \"tail\"|'tail'",
        "\"version\" : 1|\"version\" : 2|key 'version' is 2",
        "\"status\" : \"ok\"|\"status\" : \"fine\"|key 'status' is \"fine\"",
        "\"sparsity\" : 0.125|\"sparsity\" : \"x\"|steps[0].tensors[0].sparsity",
        "\"primary\" : \"accuracy\"|\"primary\" : \"f1\"|lack the primary one, 'f1'",
        "\"examples\"|\"exemples\"|key 'examples' is missing",
        "\"draw\" : 2|\"draw\" : 2, \"draw\" : 2|not valid JSON",
      })
  void damageIsNamed(String from, String to, String message) throws Exception {
    final Path file = folder.resolve("result.json");
    record().write(file);
    final String text = Files.readString(file);
    assertTrue(text.contains(from), text);
    Files.writeString(file, text.replace(from, to));
    final BantamException e = assertThrows(BantamException.class, () -> CellRecord.read(file));
    assertEquals(ExitCode.BAD_INPUT, e.exitCode());
    assertTrue(e.getMessage().contains(message), e.getMessage());
    assertTrue(e.getMessage().contains("result.json"), e.getMessage());
  }

  @Test
  void halfAFileAndNoFileAreNamed() throws Exception {
    final Path file = folder.resolve("result.json");
    assertTrue(
        assertThrows(BantamException.class, () -> CellRecord.read(file))
            .getMessage()
            .contains("There is no file"));
    record().write(file);
    final byte[] bytes = Files.readAllBytes(file);
    for (int length : new int[] {0, 1, bytes.length / 2, bytes.length - 2}) {
      Files.write(file, java.util.Arrays.copyOf(bytes, length));
      final BantamException e =
          assertThrows(BantamException.class, () -> CellRecord.read(file), "length " + length);
      assertTrue(e.getMessage().contains("is damaged"), e.getMessage());
    }
  }

  @Test
  void timingsSurviveTheFile() {
    final Path file = folder.resolve("timings.json");
    final CellTimings all =
        new CellTimings(0.1, 3, OptionalDouble.of(1e-9), OptionalDouble.of(2.5));
    all.write(file);
    assertEquals(all, CellTimings.read(file));
    final CellTimings few = new CellTimings(0, 0, OptionalDouble.empty(), OptionalDouble.empty());
    few.write(file);
    assertEquals(few, CellTimings.read(file));
  }

  @Test
  void impossibleNumbersAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Samples.result("accuracy", Double.NaN, 400));
    assertThrows(
        IllegalArgumentException.class,
        () -> new CellTimings(-1, 0, OptionalDouble.empty(), OptionalDouble.empty()));
    assertThrows(IllegalArgumentException.class, () -> CellRecord.failed(record().cell(), "x", ""));
  }
}
