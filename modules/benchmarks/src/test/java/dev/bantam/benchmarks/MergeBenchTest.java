package dev.bantam.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.bantam.deltamerging.MergeMethod;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MergeBenchTest {
  @TempDir private Path temporary;

  @Test
  void measuresBothSidesAndLeavesTheModelsAlone() throws JsonProcessingException {
    final MergeBench bench = MergeBench.in(temporary, 20_000_000);
    final JsonNode line;
    try (Workers workers = new Workers(2)) {
      line =
          new ObjectMapper()
              .readTree(
                  bench
                      .measure(
                          MergeMethod.DARE_TIES,
                          workers,
                          new InTurn(new InTurn.Budget(0, 0, 0.001), System::nanoTime, () -> {}))
                      .json());
    }
    assertEquals("merge", line.get("bench").asText());
    assertEquals("dare_ties, 3 x 16 MB", line.get("case").asText());
    for (String field : new String[] {"ours", "theirs", "ratio", "runs", "threads"}) {
      assertTrue(line.get(field).asDouble() > 0, field + " of " + line);
    }
    assertEquals(
        java.util.List.of("m0", "m1", "m2"),
        java.util.Arrays.stream(temporary.toFile().list()).sorted().toList());
  }
}
