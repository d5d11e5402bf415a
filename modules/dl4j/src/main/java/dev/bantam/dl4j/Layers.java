package dev.bantam.dl4j;

import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.deeplearning4j.nn.conf.CNN2DFormat;
import org.deeplearning4j.nn.conf.RNNFormat;
import org.deeplearning4j.nn.conf.layers.ActivationLayer;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.Convolution2D;
import org.deeplearning4j.nn.conf.layers.ConvolutionLayer;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.DropoutLayer;
import org.deeplearning4j.nn.conf.layers.FeedForwardLayer;
import org.deeplearning4j.nn.conf.layers.GlobalPoolingLayer;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.conf.layers.Layer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.conf.layers.Pooling2D;
import org.deeplearning4j.nn.conf.layers.SubsamplingLayer;
import org.deeplearning4j.nn.conf.layers.ZeroPaddingLayer;
import org.deeplearning4j.nn.conf.layers.recurrent.LastTimeStep;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.activations.impl.ActivationSoftmax;
import org.nd4j.linalg.lossfunctions.impl.LossMCXENT;

/** Which layers of DL4J are known here, and how each becomes one that a pass can use. */
final class Layers {
  private static final Map<Class<?>, String> KNOWN =
      Map.ofEntries(
          Map.entry(DenseLayer.class, "DenseLayer"),
          Map.entry(ConvolutionLayer.class, "ConvolutionLayer"),
          Map.entry(Convolution2D.class, "Convolution2D"),
          Map.entry(SubsamplingLayer.class, "SubsamplingLayer"),
          Map.entry(Pooling2D.class, "Pooling2D"),
          Map.entry(LSTM.class, "LSTM"),
          Map.entry(LastTimeStep.class, "LastTimeStep"),
          Map.entry(GlobalPoolingLayer.class, "GlobalPoolingLayer"),
          Map.entry(ActivationLayer.class, "ActivationLayer"),
          Map.entry(DropoutLayer.class, "DropoutLayer"),
          Map.entry(BatchNormalization.class, "BatchNormalization"),
          Map.entry(ZeroPaddingLayer.class, "ZeroPaddingLayer"));

  /** Most inputs or outputs of a layer; their products stay within a long. */
  private static final long WIDEST = 1 << 24;

  private static final int LARGEST_KERNEL = 1 << 10;

  private Layers() {}

  /** The layer inside wrappers. */
  static Layer inner(Layer layer) {
    return layer instanceof LastTimeStep wrapper ? wrapper.getUnderlying() : layer;
  }

  /**
   * Why a layer cannot be worked with.
   *
   * @param last whether its outputs are the network's
   * @return a clause that follows the layer's name
   */
  static Optional<String> problem(Layer layer, boolean last) {
    if (layer == null) {
      return Optional.of("is empty");
    }
    if (last) {
      return output(layer);
    }
    if (!KNOWN.containsKey(layer.getClass())
        || (layer instanceof LastTimeStep && !(inner(layer) instanceof LSTM))) {
      return Optional.of(
          "is a "
              + inner(layer).getClass().getSimpleName()
              + ", and Bantam knows "
              + KNOWN.values().stream().sorted().collect(Collectors.joining(", "))
              + " and an OutputLayer at the end");
    }
    final Layer inner = inner(layer);
    if (inner instanceof LSTM lstm && lstm.getRnnDataFormat() == RNNFormat.NWC) {
      return Optional.of("keeps its data as NWC, and Bantam knows NCW");
    }
    if (inner instanceof ConvolutionLayer conv) {
      if (conv.getCnn2dDataFormat() == CNN2DFormat.NHWC) {
        return Optional.of("keeps its data as NHWC, and Bantam knows NCHW");
      }
      for (int size : conv.getKernelSize()) {
        if (size < 1 || size > LARGEST_KERNEL) {
          return Optional.of("has a kernel of size " + size);
        }
      }
    }
    return inner instanceof FeedForwardLayer forward && !(inner instanceof DropoutLayer)
        ? width(forward)
        : Optional.empty();
  }

  private static Optional<String> output(Layer layer) {
    if (layer.getClass() != OutputLayer.class) {
      return Optional.of(
          "is a "
              + layer.getClass().getSimpleName()
              + ", and the last layer must be an OutputLayer");
    }
    final OutputLayer output = (OutputLayer) layer;
    if (!(output.getActivationFn() instanceof ActivationSoftmax)
        || !(output.getLossFn() instanceof LossMCXENT loss)
        || loss.getWeights() != null) {
      return Optional.of(
          "gives "
              + output.getActivationFn()
              + " with the loss "
              + output.getLossFn()
              + ", and Bantam works with classes: softmax, and MCXENT or negative log likelihood"
              + " without weights");
    }
    return width(output);
  }

  private static Optional<String> width(FeedForwardLayer layer) {
    return layer.getNIn() < 1
            || layer.getNOut() < 1
            || layer.getNIn() > WIDEST
            || layer.getNOut() > WIDEST
        ? Optional.of(
            "has " + layer.getNIn() + " inputs and " + layer.getNOut() + " outputs; set both")
        : Optional.empty();
  }

  /** Takes away what makes passes random: dropout and noise on weights. */
  static void withoutNoise(Layer layer) {
    layer.setIDropout(null);
    layer.setConstraints(null);
    if (layer instanceof BaseLayer weighted) {
      weighted.setWeightNoise(null);
    }
    if (layer instanceof LastTimeStep wrapper) {
      withoutNoise(wrapper.getUnderlying());
    }
  }

  /** The same weights in front of the softmax: outputs are logits. */
  static DenseLayer logits(OutputLayer output) {
    final DenseLayer dense =
        new DenseLayer.Builder()
            .nIn(output.getNIn())
            .nOut(output.getNOut())
            .hasBias(output.hasBias())
            .activation(Activation.IDENTITY)
            .build();
    dense.setLayerName(output.getLayerName());
    dense.setWeightInitFn(output.getWeightInitFn());
    dense.setIUpdater(output.getIUpdater());
    dense.setBiasUpdater(output.getBiasUpdater());
    return dense;
  }
}
