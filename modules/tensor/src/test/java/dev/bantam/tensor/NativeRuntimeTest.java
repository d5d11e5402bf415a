package dev.bantam.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

class NativeRuntimeTest {
  private static final String AVX2 = "fpu sse2 avx avx2 fma";
  private static final String AVX512 = AVX2 + " avx512f avx512dq avx512bw avx512vl";

  /** ND4J gives OpenBLAS a thread for each core, at its start and whenever it is asked to. */
  @Test
  void everyCopyOfOpenBlasUsesOneThread() {
    Nd4j.ones(8, 8).mmul(Nd4j.ones(8, 8));
    final List<Integer> threads = NativeRuntime.blasThreads();
    assertFalse(threads.isEmpty());
    assertEquals(Set.of(1), threads.stream().collect(Collectors.toSet()), threads::toString);
  }

  /** OpenBLAS has 640 buffers. Where one copy frees what the other took, this ends the process. */
  @Test
  void productsOfNd4jGiveTheirBuffersBack() {
    NativeRuntime.initialize();
    final INDArray x = Nd4j.ones(DataType.FLOAT, 64, 64);
    final INDArray y = Nd4j.zeros(DataType.FLOAT, 64, 64);
    for (int i = 0; i < 700; i++) {
      x.mmuli(x.transpose(), y);
    }
    assertEquals(64f, y.getFloat(63, 63));
  }

  @ParameterizedTest
  @CsvSource({
    // the newest that OpenBLAS 0.3.19 knows, and what came after it
    "GenuineIntel, 6, 106, avx512,", // Ice Lake server
    "GenuineIntel, 6, 143, avx512, SkylakeX", // Sapphire Rapids
    "GenuineIntel, 6, 207, avx512, SkylakeX", // Emerald Rapids
    "GenuineIntel, 6, 183, avx2, Haswell", // Raptor Lake
    "GenuineIntel, 6, 94, avx2,", // Skylake client
    "GenuineIntel, 6, 42, sse,", // Sandy Bridge
    "AuthenticAMD, 25, 17, avx512,", // Zen 4 is taken for Zen, as fast as it gets
    "AuthenticAMD, 26, 2, avx512, Zen", // Zen 5
    "AuthenticAMD, 23, 49, avx2,",
    "HygonGenuine, 24, 1, avx2,"
  })
  void kernelIsForcedOnlyWhereTheLibraryWouldFallBack(
      String vendor, String family, String model, String isa, String expected) {
    final String flags = Map.of("avx512", AVX512, "avx2", AVX2, "sse", "fpu sse2").get(isa);
    assertEquals(
        Optional.ofNullable(expected),
        NativeRuntime.wantedCoreType(
            Map.of("vendor_id", vendor, "cpu family", family, "model", model, "flags", flags)));
  }

  @Test
  void nothingIsForcedWhereTheProcessorIsUnknown() {
    assertEquals(Optional.empty(), NativeRuntime.wantedCoreType(Map.of()));
  }
}
