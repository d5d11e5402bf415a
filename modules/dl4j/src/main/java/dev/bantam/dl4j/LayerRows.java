package dev.bantam.dl4j;

import org.deeplearning4j.nn.conf.ConvolutionMode;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The rows that a weight matrix multiplies with, out of what DL4J gives a layer. */
final class LayerRows {
  private LayerRows() {}

  /** Of a layer that reads vectors: as they are, [batch, inputs]. */
  static INDArray ofVectors(INDArray input) {
    return input.dup('c');
  }

  /**
   * Of a layer that reads series [batch, inputs, steps]: each step of each.
   *
   * @return [batch * steps, inputs]
   */
  static INDArray ofSeries(INDArray input) {
    return input
        .permute(0, 2, 1)
        .dup('c')
        .reshape('c', input.size(0) * input.size(2), input.size(1));
  }

  /**
   * What recurrent weights see: the outputs of the step before, zeros at the first.
   *
   * @param output of the layer, [batch, outputs, steps]
   * @return [batch * steps, outputs]
   */
  static INDArray ofStepsBefore(INDArray output) {
    final int batch = (int) output.size(0);
    final int width = (int) output.size(1);
    final int steps = (int) output.size(2);
    final float[] now = ofSeries(output).data().asFloat();
    final float[] before = new float[now.length];
    for (int b = 0; b < batch; b++) {
      final int from = b * steps * width;
      System.arraycopy(now, from, before, from + width, (steps - 1) * width);
    }
    return rows(before, batch * steps, width);
  }

  /**
   * Of a convolution over images [batch, channels, height, width]: the patch under the kernel at
   * each place, zeros outside of the image.
   *
   * @param places [rows, columns] of the layer's output
   * @return [batch * places, channels * kernel height * kernel width]
   */
  static INDArray ofPatches(INDArray input, ConvolutionLayer layer, int[] places) {
    final int batch = (int) input.size(0);
    final int channels = (int) input.size(1);
    final int[] size = {(int) input.size(2), (int) input.size(3)};
    final int[] kernel = layer.getKernelSize();
    final int[] start = {
      firstRow(layer, 0, size[0], places[0]), firstRow(layer, 1, size[1], places[1])
    };
    final float[] image = input.dup('c').data().asFloat();
    final int columns = channels * kernel[0] * kernel[1];
    final float[] rows = new float[batch * places[0] * places[1] * columns];
    int at = 0;
    for (int b = 0; b < batch; b++) {
      for (int y = 0; y < places[0]; y++) {
        for (int x = 0; x < places[1]; x++) {
          for (int c = 0; c < channels; c++) {
            for (int i = 0; i < kernel[0]; i++) {
              final int row = y * layer.getStride()[0] + i * layer.getDilation()[0] - start[0];
              for (int j = 0; j < kernel[1]; j++, at++) {
                final int column = x * layer.getStride()[1] + j * layer.getDilation()[1] - start[1];
                if (row >= 0 && row < size[0] && column >= 0 && column < size[1]) {
                  rows[at] = image[((b * channels + c) * size[0] + row) * size[1] + column];
                }
              }
            }
          }
        }
      }
    }
    return rows(rows, batch * places[0] * places[1], columns);
  }

  /** Rows (or columns) of zeros before the image; where they are uneven, fewer come first. */
  private static int firstRow(ConvolutionLayer layer, int d, int size, int places) {
    if (layer.getConvolutionMode() != ConvolutionMode.Same) {
      return layer.getPadding()[d];
    }
    final int reach = (layer.getKernelSize()[d] - 1) * layer.getDilation()[d] + 1;
    return Math.max(0, (places - 1) * layer.getStride()[d] + reach - size) / 2;
  }

  private static INDArray rows(float[] values, int rows, int columns) {
    return Nd4j.create(values, new long[] {rows, columns}, 'c').castTo(DataType.FLOAT);
  }
}
