import CTurboJPEG
import CZlib
import CPNG
